/* The table of the kernels of this variant. */
#include "variant.h"

extern const cnet_implementation CNET_FN(kernels)[CNET_KERNEL_COUNT];

#define WORKSPACE(name) CNET_FN(name##_workspace)
#define NO_WORKSPACE(name) NULL
#define ENTRY(name, workspace) [CNET_KERNEL_##name] = {CNET_FN(name), workspace(name)},
const cnet_implementation CNET_FN(kernels)[CNET_KERNEL_COUNT] = {CNET_REAL_KERNELS(ENTRY)
#if defined(CNET_REAL_f32)
                                                                     CNET_FLOAT32_KERNELS(ENTRY)
#endif
};
