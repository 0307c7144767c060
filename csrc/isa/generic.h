/* The baseline of the compiler: 16 registers of 16 bytes.
 *
 * What depends on the registers and caches of this instruction set; kernels ask for nothing else
 * about it. */
#ifndef CNET_ISA_H
#define CNET_ISA_H

#define ISA_REGISTERS 16
#define ISA_VECTOR_BYTES 16
#define ISA_SHORT_VECTOR_BYTES 16 /* for runs that would fill longer vectors in part only */

/* What a core keeps in its own cache, and what all cores keep. */
#define ISA_CORE_CACHE_BYTES (1 << 20)
#define ISA_SHARED_CACHE_BYTES (1 << 24)

/* Register tiles: accumulators, operands and a broadcast fill the registers. */
#define ISA_PRODUCT_ROWS 6
#define ISA_PRODUCT_VECTORS 2
#define ISA_LINEAR_ROWS 4          /* times two panels of prepared weights */
#define ISA_DOTS_COLS 2            /* times four rows */
#define ISA_WINOGRAD_SLICE 24      /* channels of a slice of Winograd's weight gradient */
#define ISA_DIRECT_ACCUMULATORS 12 /* of the direct weight gradient */
#define ISA_PREPARED_PIXELS 6      /* in each of two rows, times one vector of filters */
#define ISA_HALF_PANELS 0          /* whether prepared filters have panels of half a vector */
/* TILE(filters, vectors) of sums over taps. Of two that waste the same, the later one is taken. */
#define ISA_TAP_TILES(TILE) TILE(4, 3) TILE(5, 2) TILE(6, 2)

#endif
