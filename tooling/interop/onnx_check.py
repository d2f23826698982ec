"""What Python makes of an ONNX file of ours, for onnx.test.ts: one JSON document.

    python onnx_check.py version | run FILE VALUES DIM... -> checks FILE, runs it on VALUES (fp32, little-endian), writes VALUES.out
"""
import json
import sys

import numpy as np
import onnx
import onnxruntime


def main(command, *args):
    if command == "version":
        return {"onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__, "python": sys.version.split()[0]}
    path, values, *dims = args
    onnx.checker.check_model(path, full_check=True)
    model = onnx.load(path, load_external_data=False)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    x = np.fromfile(values, "<f4").reshape([int(d) for d in dims])
    (whole,) = session.run(None, {"input": x})
    whole.astype("<f4").tofile(values + ".out")
    single = np.concatenate([session.run(None, {"input": x[i : i + 1]})[0] for i in range(len(x))])
    return {
        "ir": model.ir_version,
        "opset": {o.domain: o.version for o in model.opset_import},
        "input": [d.dim_param or d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim],
        "output": list(whole.shape),
        "rows_apart": float(np.abs(whole - single).max() / np.abs(whole).max()),
    }


print(json.dumps(main(*sys.argv[1:])))
