"""What runs networks: one module a backend."""

# by the name in protocols: the module, and its function that opens a session; `command` measures by itself
BACKENDS = {
    "onnxruntime": ("onnxruntime", "opened"),
    "torch": ("pytorch", "on_cpu"),
    "torch-cuda": ("pytorch", "on_cuda"),
    "torch-xla": ("pytorch", "on_xla"),
    "command": ("command", "measure"),
}
