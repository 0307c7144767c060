"""Layers in the styles of hand-written NumPy networks: change an import, keep the program.

Each module has the names, arguments, attributes and results of one style; what computes is
`cnet.kernels`. They are imported one by one: ``from cnet.dropin import layerwise``.

==================  ==============================================================================
`node`              a graph of `Node` objects, a small `nn`, Adam with the circular echo
`layerwise`         ``forward(x)`` keeps its input, ``backward(grad)`` sets gradients as attributes
`op`                ``Op.apply`` with a `Context`, a `Tensor`, and a printer of graphs
`stateless`         ``forward``, ``grad_x`` and ``grad_params`` of layers that remember nothing
`mlp`               a perceptron with its chain rule written out
`cs231n`            the fast layers of Stanford's CS231n, assignment 2
`dlfs`              ``common.util`` and ``common.layers`` of "Deep Learning from Scratch"
==================  ==============================================================================

In all of them weights are read afresh at every call, so they may be updated in place; results are
new arrays that share no memory with anything; input may have any strides, be read-only or hold
integers.
"""
