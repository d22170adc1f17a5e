"""The face net as an ONNX graph, which ONNX Runtime reads twice as fast as torch on one thread.

The graph is built from the weights when they are loaded, so that no second file can drift apart
from the checkpoint. The choice between the two is fixed, not measured at start: their results
differ in the last bits, and the same recording must give the same bytes every time.
"""

from torch import nn

from .face_crop import CROP
from .face_net import Block, FaceNet
from .features import Float32
from .onnx_graph import Graph, Session


class _FaceGraph(Graph):
    """A graph that knows the layers of the face net."""

    def conv(self, x: str, conv: nn.Conv2d) -> str:
        """Convolution with its bias."""
        pad = [int(p) for p in conv.padding]
        weights = [self.keep(conv.weight)] + ([] if conv.bias is None else [self.keep(conv.bias)])
        return self.add("Conv", x, *weights, strides=list(conv.stride), pads=pad + pad)

    def block(self, x: str, block: Block) -> str:
        """Residual block."""
        y = self.conv(self.add("Relu", self.conv(x, block.conv1)), block.conv2)
        if (side := block.shortcut) is not None:
            if (stride := block.conv1.stride[0]) > 1:
                shape = [stride, stride]
                x = self.add("AveragePool", x, kernel_shape=shape, strides=shape, ceil_mode=1)
            x = self.conv(x, side.conv)
        return self.add("Relu", self.add("Add", y, x))

    def layer(self, x: str, linear: nn.Linear) -> str:
        """Matrix product with its bias."""
        return self.add("Gemm", x, self.keep(linear.weight), self.keep(linear.bias), transB=1)


def face_graph(net: FaceNet) -> bytes:
    """Build the graph of a net.

    Args:
        net: its normalisations folded into its convolutions.

    Returns:
        ONNX model from `crops` (n, 1, 48, 48) to embedding (n, E) and logits (n, 7), float32.

    Raises:
        ValueError: it has a normalisation that is not folded.
    """
    if any(isinstance(module, nn.BatchNorm2d) for module in net.modules()):
        raise ValueError("the net has normalisations; fold them into its convolutions first")
    graph = _FaceGraph()
    x = graph.add("Relu", graph.conv("crops", net.stem))
    for block in net.blocks:
        assert isinstance(block, Block)
        x = graph.block(x, block)
    x = graph.add("Flatten", graph.add("GlobalAveragePool", x))
    embedding = graph.add("Tanh", graph.layer(x, net.embed))
    logits = graph.layer(embedding, net.head)
    outputs = {
        name: ("n", layer.out_features)
        for name, layer in ((embedding, net.embed), (logits, net.head))
    }
    return graph.model("face", {"crops": ("n", 1, CROP, CROP)}, outputs)


class FaceSession:
    """Runs the graph on as many threads as torch was given.

    Args:
        net: as `face_graph` wants it.
    """

    def __init__(self, net: FaceNet) -> None:
        self._session = Session(face_graph(net))

    def run(self, crops: Float32) -> tuple[Float32, Float32]:
        """Embeddings (B, E) and logits (B, 7) of crops (B, 1, 48, 48) as `normalise` gives them."""
        embedding, logits = self._session.run({"crops": crops})
        return embedding, logits
