/* The kernel table of this variant. */
#include "variant.h"

extern const cnet_kernels CNET_FN(kernels);

#define CNET_ENTRY(result, name, arguments) .name = CNET_FN(name),
const cnet_kernels CNET_FN(kernels) = {CNET_KERNELS(CNET_ENTRY)};
