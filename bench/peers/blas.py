"""NumPy's matrix product, which calls the BLAS that NumPy was built with."""

import numpy as np

asarray = np.asarray
matmul = np.matmul
