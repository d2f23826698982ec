"""The parts of tensorflow-cpu's wheel that tfjs-node's addon needs: python unpack.py WHEEL DEPS"""

import os
import re
import shutil
import sys
import zipfile

wheel, deps = sys.argv[1:]
library = re.compile(r"tensorflow/(libtensorflow_(?:cc|framework)\.so\.2)")
# tensorflow/c alone does not compile.
header = re.compile(r"tensorflow/include/((?:tensorflow/c|xla/tsl/c)/.*|(?:tensorflow/core|tsl)/platform/ctstring[^/]*)")

with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        found = library.fullmatch(name)
        place = f"lib/{found[1]}" if found else None
        found = header.fullmatch(name)
        place = f"include/{found[1]}" if found else place
        if place is None or name.endswith("/") or ".." in place.split("/"):
            continue
        path = os.path.join(deps, place)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with archive.open(name) as source, open(path, "wb") as target:
            shutil.copyfileobj(source, target, 1 << 22)

# The linker looks for these; the loader goes by the SONAME, which is the file's own name.
os.symlink("libtensorflow_cc.so.2", os.path.join(deps, "lib/libtensorflow.so"))
os.symlink("libtensorflow_framework.so.2", os.path.join(deps, "lib/libtensorflow_framework.so"))
