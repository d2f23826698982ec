"""A TensorBoard event file by TensorBoard's own writer, for @vitrail/train's to equal byte by byte.

    python tooling/goldens/events.py
"""

import io

import tensorboard
from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, tensor_shape_pb2, types_pb2
from tensorboard.summary.writer.record_writer import RecordWriter

from common import ROOT

PATH = ROOT / "packages/train/src/__goldens__/events.tfevents"
# A white pixel.
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154789c63f80f00010101006e5bbd350000000049454e44ae426082"
)


def scalar(tag: str, value: float):
    return summary_pb2.Summary.Value(tag=tag, simple_value=value)


def text(tag: str, value: str):
    plugin = summary_pb2.SummaryMetadata.PluginData(plugin_name="text")
    shape = tensor_shape_pb2.TensorShapeProto(dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=1)])
    return summary_pb2.Summary.Value(
        tag=f"{tag}/text_summary",
        metadata=summary_pb2.SummaryMetadata(plugin_data=plugin),
        tensor=tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING, tensor_shape=shape, string_val=[value.encode()]),
    )


def image(tag: str):
    picture = summary_pb2.Summary.Image(height=1, width=1, colorspace=3, encoded_image_string=PNG)
    return summary_pb2.Summary.Value(tag=tag, image=picture)


def event(step: int, *values):
    return event_pb2.Event(wall_time=1700000000.25 + step, step=step, summary=summary_pb2.Summary(value=values))


if __name__ == "__main__":
    file = io.BytesIO()
    writer = RecordWriter(file)
    writer.write(event_pb2.Event(wall_time=1700000000.25, file_version="brain.Event:2").SerializeToString())
    for one in [
        event(1, scalar("loss/train", 2.25), scalar("lr", 1e-3)),
        event(300, scalar("loss/train", float("inf")), scalar("top1/validation", 0.125)),
        event(2**40, text("run", "**naïve**"), image("wrongest/0")),
    ]:
        writer.write(one.SerializeToString())
    PATH.write_bytes(file.getvalue())
    print(f"{PATH.relative_to(ROOT)}: {PATH.stat().st_size} bytes, tensorboard {tensorboard.__version__}")
