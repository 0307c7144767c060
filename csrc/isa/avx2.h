/* AVX2 with FMA: 16 registers of 32 bytes.
 *
 * Everything that kernels need to know about the registers and caches of this instruction set. */
#ifndef CNET_ISA_H
#define CNET_ISA_H

#define ISA_REGISTERS 16
#define ISA_VECTOR_BYTES 32
#define ISA_SHORT_VECTOR_BYTES 32 /* for runs that would fill longer vectors only in part */

/* The cache of each core, and the cache that all cores share. */
#define ISA_CORE_CACHE_BYTES (1 << 20)
#define ISA_SHARED_CACHE_BYTES (1 << 24)

/* Register tiles: accumulators, operands and a broadcast fill the registers. */
#define ISA_PRODUCT_ROWS 6
#define ISA_PRODUCT_VECTORS 2
#define ISA_IN_PLACE_ROWS 32       /* rows of A up to which a copy of B does not pay */
#define ISA_MATRIX_ROWS 18         /* the same if rows of B may lie at any address */
#define ISA_LINEAR_ROWS 4          /* with two panels of prepared weights */
#define ISA_DOTS_COLS 3            /* with four rows */
#define ISA_WINOGRAD_SLICE 24      /* channels per slice of the Winograd weight gradient */
#define ISA_DIRECT_ACCUMULATORS 12 /* of the direct weight gradient */
#define ISA_DW_CHANNELS 1          /* from which dw stages vectors of input channels */
#define ISA_PREPARED_PIXELS 6      /* in each of two rows, with one vector of filters */
#define ISA_MASKED_ROWS 0          /* whether loads and stores have masks */
#define ISA_HALF_PANELS 0          /* whether prepared filters have panels of half a vector */
/* TILE(filters, vectors) of sums over taps; of those that waste the same, the last one is used. */
#define ISA_TAP_TILES(TILE) TILE(5, 2) TILE(4, 3) TILE(6, 2)
/* The number of float32 cells whose live ones are packed together, by a permutation. */
#define ISA_COMPRESS 8

#endif
