"""What Python makes of a run's files, for train.test.ts: one JSON document.

    python train_check.py version | events FOLDER | card FILE
"""
import json
import logging
import sys

import huggingface_hub
import tensorboard
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def events(folder):
    found = EventAccumulator(folder).Reload()
    texts = {}
    for tag in found.Tags()["tensors"]:
        texts[tag] = [[e.step, e.tensor_proto.string_val[0].decode()] for e in found.Tensors(tag)]
    return {
        "scalars": {tag: [[e.step, e.value] for e in found.Scalars(tag)] for tag in found.Tags()["scalars"]},
        "texts": texts,
        "images": {tag: [[e.step, e.width, e.height] for e in found.Images(tag)] for tag in found.Tags()["images"]},
        "version": found.file_version,
    }


def card(file):
    loaded = huggingface_hub.ModelCard.load(file)
    results = loaded.data.eval_results or []
    return {
        "data": {k: v for k, v in loaded.data.to_dict().items() if k != "model-index"},
        "results": [[r.metric_name, r.metric_value, r.dataset_type] for r in results],
        "title": loaded.text.strip().splitlines()[0],
    }


def main(command, *args):
    logging.getLogger("tensorboard").setLevel(logging.ERROR)
    if command == "version":
        python = sys.version.split()[0]
        return {"tensorboard": tensorboard.__version__, "huggingface_hub": huggingface_hub.__version__, "python": python}
    return {"events": events, "card": card}[command](*args)


print(json.dumps(main(*sys.argv[1:])))
