"""Layers in the styles of hand-written NumPy networks: change an import, keep the program.

Each module has the names, arguments, attributes and results of one style, and computes with
`cnet.kernels`. Import a module by itself: ``from cnet.dropin import layerwise``.

==================  ==============================================================================
`kernels`           the functions of `cnet.kernels`, for arrays of any dtype, layout and padding
`node`              a graph of `Node` objects, a small `nn`, Adam with the circular echo
`layerwise`         ``forward(x)`` stores its input, ``backward(grad)`` sets gradient attributes
`op`                ``Op.apply`` with a `Context`, a `Tensor`, and a printer of graphs
`stateless`         ``forward``, ``grad_x`` and ``grad_params`` of layers without stored inputs
`mlp`               a perceptron with an explicit chain rule
`cs231n`            the fast layers of Stanford's CS231n, assignment 2
`dlfs`              ``common.util`` and ``common.layers`` of "Deep Learning from Scratch"
`coursera`          "Convolutional Model: Step by Step", channels last
`holberton`         Holberton School's projects on convolution and pooling, channels last
`fau`               ``Layers.Conv``, ``Pooling`` and ``Flatten`` of FAU's exercises
`mytorch`           the layers of CMU's 11-785 homework
`dezero`            ``install()`` for DeZero of "Deep Learning from Scratch 3"
`numpy_ml`          ``install()`` for numpy-ml
`mlfs`              the convolutional layers of ML-From-Scratch
`alescontrela`      the functions of A. Escontrela's Numpy-CNN
`vzhou`             ``Conv3x3``, ``MaxPool2`` and ``Softmax`` of V. Zhou's tutorial
==================  ==============================================================================

In all modules, each call reads the current weights, so weights may be updated in place. Results are
new arrays, which share no memory with other arrays. Inputs may have any strides, be read-only or
hold integers; shapes may be lists or arrays, and sizes NumPy integers.
"""

import numpy as np

FREED_BYTES = 33_000_000
"""The size of an array that is allocated and freed once, just below the 32 MiB that glibc allows.

glibc takes the memory of large arrays from the system and returns it when they are freed. What is
large depends on the largest array freed so far, and so does how much free memory it keeps. After
this array, all smaller ones reuse memory instead of waiting for fresh pages.
"""

np.empty(FREED_BYTES, np.uint8)
