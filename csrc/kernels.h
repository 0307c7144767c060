/* The list of kernels and the names of their arguments.
 *
 * All code that knows kernels or arguments by name is generated from this list: the enumeration of
 * kernels, their tables, the structures that C reads arguments from, and the names and kinds under
 * which the boundary takes them from Python. The contract of a kernel is at its definition in
 * kernels/.
 *
 * Arguments come in this order:
 *     IN(type, name)        an array that is read, or NULL
 *     OUT(type, name)       an array that is written or updated, or NULL. Types: real is the dtype
 *                           of the call, void is any,
 *                           others are those of C
 *     GEOMETRY(type, name)  a structure of sizes, cnet_<type>
 *     COUNT(name)           the elements of the first array; the boundary fills it in
 *     INTEGER(name)         a ptrdiff_t; options that are on or off are 1 or 0
 *     NUMBER(name)          a double
 * The argument after the arrays, a geometry or a count, begins with the number of rows, images or
 * elements: plans rely on it. */
#ifndef CNET_KERNELS_H
#define CNET_KERNELS_H

/* clang-format off */

/* ---- columns ---- */
#define CNET_im2col(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                                     \
    IN(real, x) OUT(real, cols) GEOMETRY(window2d, g)
#define CNET_col2im(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                                     \
    IN(real, cols) OUT(real, x) GEOMETRY(window2d, g)

/* ---- conv ---- */
#define CNET_conv2d(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                                     \
    IN(real, x) IN(real, weight) IN(real, bias) OUT(real, y) GEOMETRY(conv2d, g) INTEGER(algorithm)
#define CNET_conv2d_backward(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                            \
    IN(real, grad_output)                                                                          \
    IN(real, x)                                                                                    \
    IN(real, weight)                                                                               \
    OUT(real, dx) OUT(real, dw) OUT(real, db) GEOMETRY(conv2d, g) INTEGER(algorithm)
#define CNET_conv2d_nhwc(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                                \
    IN(real, x) IN(real, weight) IN(real, bias) OUT(real, y) GEOMETRY(conv2d, g)
#define CNET_conv2d_nhwc_backward(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                       \
    IN(real, grad_output)                                                                          \
    IN(real, x) IN(real, weight) OUT(real, dx) OUT(real, dw) OUT(real, db) GEOMETRY(conv2d, g)
#define CNET_conv2d_relu_pool(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                           \
    IN(real, x) IN(real, weight) IN(real, bias) OUT(real, y) OUT(uint8_t, codes) GEOMETRY(conv2d, g)
#define CNET_conv2d_relu_pool_backward(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                  \
    IN(real, grad_output)                                                                          \
    IN(uint8_t, codes)                                                                             \
    IN(real, x) IN(real, weight) OUT(real, dx) OUT(real, dw) OUT(real, db) GEOMETRY(conv2d, g)
#define CNET_prepare_conv2d(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                             \
    IN(real, weight) IN(real, bias) GEOMETRY(conv2d, g)
#define CNET_prepared_conv2d(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                            \
    IN(real, x) IN(void, prepared) OUT(real, y) GEOMETRY(conv2d, g) INTEGER(relu) INTEGER(pool)

/* ---- blocked ---- */
#define CNET_block(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                                      \
    IN(real, x) OUT(real, y) GEOMETRY(norm, g)
#define CNET_unblock(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                                    \
    IN(real, x) OUT(real, y) GEOMETRY(norm, g)
#define CNET_prepare_blocked_conv2d(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                     \
    IN(real, weight) IN(real, bias) GEOMETRY(conv2d, g) INTEGER(algorithm)
#define CNET_blocked_conv2d(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                             \
    IN(real, x)                                                                                    \
    IN(void, prepared)                                                                             \
    IN(real, residual) OUT(real, y) GEOMETRY(conv2d, g) INTEGER(algorithm) NUMBER(low) NUMBER(high)
#define CNET_blocked_pool2d(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                             \
    IN(real, x) OUT(real, y) GEOMETRY(window2d, g) INTEGER(is_maximum)

/* ---- quantized ---- */
#define CNET_quantize(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                                   \
    IN(real, x) OUT(uint8_t, y) GEOMETRY(norm, g) NUMBER(scale) NUMBER(zero)
#define CNET_dequantize(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                                 \
    IN(uint8_t, x) OUT(real, y) COUNT(count) NUMBER(scale) NUMBER(zero)
#define CNET_prepare_quantized_conv2d(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                   \
    IN(real, scale) IN(real, bias) IN(int8_t, weight) GEOMETRY(conv2d, g) INTEGER(zero) INTEGER(dots)
#define CNET_quantized_conv2d(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                           \
    IN(uint8_t, x)                                                                                 \
    IN(void, prepared)                                                                             \
    IN(uint8_t, residual)                                                                          \
    OUT(void, y) GEOMETRY(conv2d, g) INTEGER(zero) NUMBER(residual_scale) NUMBER(low) NUMBER(high) \
        INTEGER(quantized) INTEGER(dots)
#define CNET_quantized_max_pool2d(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                       \
    IN(uint8_t, x) OUT(uint8_t, y) GEOMETRY(window2d, g)
#define CNET_to_bfloat16(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                                \
    IN(real, x) OUT(uint16_t, y) GEOMETRY(norm, g)
#define CNET_from_bfloat16(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                              \
    IN(uint16_t, x) OUT(real, y) COUNT(count)
#define CNET_prepare_bfloat16_conv2d(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                    \
    IN(real, bias) IN(uint16_t, weight) GEOMETRY(conv2d, g) INTEGER(amx)
#define CNET_bfloat16_conv2d(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                            \
    IN(uint16_t, x)                                                                                \
    IN(void, prepared)                                                                             \
    IN(uint16_t, residual)                                                                         \
    OUT(void, y) GEOMETRY(conv2d, g) NUMBER(low) NUMBER(high) INTEGER(rounded) INTEGER(amx)
#define CNET_bfloat16_max_pool2d(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                        \
    IN(uint16_t, x) OUT(uint16_t, y) GEOMETRY(window2d, g)

/* ---- pool ---- */
#define CNET_relu_pool(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                                  \
    IN(real, x) OUT(real, y) OUT(uint8_t, codes) GEOMETRY(window2d, g)
#define CNET_relu_pool_backward(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                         \
    IN(real, grad_output) IN(uint8_t, codes) OUT(real, dx) GEOMETRY(window2d, g)
#define CNET_max_pool2d(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                                 \
    IN(real, x) OUT(real, y) OUT(int32_t, indices) GEOMETRY(window2d, g)
#define CNET_max_pool2d_backward(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                        \
    IN(real, grad_output) IN(int32_t, indices) OUT(real, dx) GEOMETRY(window2d, g)
#define CNET_max_pool_windows(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                           \
    IN(real, x)                                                                                    \
    IN(int32_t, bounds)                                                                            \
    OUT(real, y) OUT(int32_t, indices) GEOMETRY(windows, g) INTEGER(shared)
#define CNET_avg_pool2d(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                                 \
    IN(real, x)                                                                                    \
    OUT(real, y) GEOMETRY(window2d, g) INTEGER(count_include_pad) INTEGER(divisor_override)
#define CNET_avg_pool2d_backward(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                        \
    IN(real, grad_output)                                                                          \
    OUT(real, dx) GEOMETRY(window2d, g) INTEGER(count_include_pad) INTEGER(divisor_override)

#define CNET_max_pool2d_nhwc(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                            \
    IN(real, x) OUT(real, y) OUT(int32_t, indices) GEOMETRY(window2d, g)
#define CNET_max_pool2d_nhwc_backward(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                   \
    IN(real, grad_output) IN(int32_t, indices) OUT(real, dx) GEOMETRY(window2d, g)
#define CNET_avg_pool2d_nhwc(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                            \
    IN(real, x)                                                                                    \
    OUT(real, y) GEOMETRY(window2d, g) INTEGER(count_include_pad) INTEGER(divisor_override)
#define CNET_avg_pool2d_nhwc_backward(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                   \
    IN(real, grad_output)                                                                          \
    OUT(real, dx) GEOMETRY(window2d, g) INTEGER(count_include_pad) INTEGER(divisor_override)

#define CNET_max_pool2d_ties_backward(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                   \
    IN(real, grad_output)                                                                          \
    IN(real, x) IN(real, y) OUT(real, dx) GEOMETRY(window2d, g) INTEGER(ties)

/* ---- layout ---- */
#define CNET_transpose(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                                  \
    IN(real, x) OUT(real, y) GEOMETRY(norm, g)

/* ---- resample ---- */
#define CNET_resample(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                                   \
    IN(real, x)                                                                                    \
    IN(int64_t, starts)                                                                            \
    IN(int32_t, cells) IN(real, weights) OUT(real, y) GEOMETRY(resample, g) INTEGER(terms)

/* ---- indexing ---- */
#define CNET_gather(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                                     \
    IN(real, x) IN(int64_t, index) OUT(real, y) GEOMETRY(cells, g) INTEGER(shared)
#define CNET_scatter(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                                    \
    IN(real, src)                                                                                  \
    IN(int64_t, index) OUT(real, y) GEOMETRY(cells, g) INTEGER(operation) INTEGER(shared)
#define CNET_searchsorted(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                               \
    IN(real, x) IN(real, values) OUT(int64_t, y) GEOMETRY(cells, g) INTEGER(right)
#define CNET_sort(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                                       \
    IN(real, x) OUT(real, values) OUT(int64_t, indices)                                          \
        GEOMETRY(cells, g) INTEGER(descending) INTEGER(integers)
#define CNET_kth(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                                        \
    IN(real, x) OUT(real, values) OUT(int64_t, indices)                                          \
        GEOMETRY(cells, g) INTEGER(k) INTEGER(nan) INTEGER(integers)

/* ---- sampling ---- */
#define CNET_grid_sample(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                                \
    IN(real, x)                                                                                    \
    IN(real, grid)                                                                                 \
    OUT(real, y) GEOMETRY(grid, g) INTEGER(mode) INTEGER(padding) INTEGER(align_corners)
#define CNET_grid_sample_backward(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                       \
    IN(real, grad_output)                                                                          \
    IN(real, x)                                                                                    \
    IN(real, grid)                                                                                 \
    OUT(real, dx) OUT(real, dgrid)                                                                 \
        GEOMETRY(grid, g) INTEGER(mode) INTEGER(padding) INTEGER(align_corners)

/* ---- distance ---- */
#define CNET_distances(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                                  \
    IN(real, x) IN(real, columns) OUT(real, y) GEOMETRY(distances, g) NUMBER(p)
#define CNET_distances_backward(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                         \
    IN(real, grad)                                                                                 \
    IN(real, x)                                                                                    \
    IN(real, columns) IN(real, y) OUT(real, dx) GEOMETRY(distances, g) NUMBER(p)

/* ---- random ---- */
#define CNET_multinomial(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                                \
    IN(real, weights)                                                                              \
    IN(double, draws) OUT(int64_t, indices) GEOMETRY(rows, g) INTEGER(samples)

#define CNET_normal(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                                     \
    OUT(real, y) IN(int64_t, words) COUNT(count) NUMBER(mean) NUMBER(std)

/* ---- gemm ---- */
#define CNET_gemm(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                                       \
    IN(real, a) IN(real, b) IN(real, bias) OUT(real, y) GEOMETRY(gemm, g) INTEGER(relu)
#define CNET_column_sums(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                                \
    IN(real, x) OUT(real, y) GEOMETRY(rows, g)
#define CNET_prepare_linear(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                             \
    IN(real, weight) IN(real, bias) GEOMETRY(linear, g)
#define CNET_prepared_linear(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                            \
    IN(real, x) IN(void, prepared) OUT(real, y) GEOMETRY(linear, g) INTEGER(relu)

/* ---- attention ---- */
#define CNET_attention(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                                  \
    IN(real, q)                                                                                    \
    IN(real, k)                                                                                    \
    IN(real, v)                                                                                    \
    IN(real, mask)                                                                                 \
    OUT(real, y) GEOMETRY(attention, g) INTEGER(causal) NUMBER(factor)

/* ---- elementwise ---- */
#define CNET_elementwise(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                                \
    IN(real, x) OUT(real, y) COUNT(count) INTEGER(operation) NUMBER(a) NUMBER(b)
#define CNET_elementwise_backward(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                       \
    IN(real, grad_output)                                                                          \
    IN(real, saved) OUT(real, dx) COUNT(count) INTEGER(operation) NUMBER(a) NUMBER(b)
#define CNET_combine(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                                    \
    IN(real, a)                                                                                    \
    IN(real, b)                                                                                    \
    IN(real, c)                                                                                    \
    IN(real, d) OUT(real, y) GEOMETRY(norm, g) INTEGER(operation) INTEGER(axes)                    \
        INTEGER(a_pitch) INTEGER(b_pitch) INTEGER(c_pitch) INTEGER(d_pitch) INTEGER(y_pitch)
#define CNET_add(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                                        \
    IN(real, a) IN(real, b) OUT(real, y) COUNT(count)
#define CNET_arithmetic(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                                 \
    IN(real, a) IN(real, b) OUT(real, y) GEOMETRY(pair, g) INTEGER(operation)
#define CNET_strided_copy(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                               \
    IN(real, x) OUT(real, y) GEOMETRY(pair, g)
#define CNET_copy(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER) IN(real, x) OUT(real, y) COUNT(count)
#define CNET_softmax(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                                    \
    IN(real, x) OUT(real, y) GEOMETRY(norm, g) INTEGER(logarithm)
#define CNET_softmax_backward(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                           \
    IN(real, grad_output) IN(real, y) OUT(real, dx) GEOMETRY(norm, g) INTEGER(logarithm)

/* ---- reduce ---- */
#define CNET_reduce(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                                     \
    IN(real, x) OUT(double, y) GEOMETRY(norm, g) INTEGER(operation)
#define CNET_accumulate(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                                 \
    IN(real, x) OUT(real, y) GEOMETRY(norm, g) INTEGER(product) INTEGER(reversed)

/* ---- norm ---- */
#define CNET_batch_norm_stats(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                           \
    IN(real, x)                                                                                    \
    OUT(real, mean)                                                                                \
    OUT(real, var)                                                                                 \
    OUT(real, running_mean) OUT(real, running_var) GEOMETRY(norm, g) NUMBER(momentum)
#define CNET_batch_norm(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                                 \
    IN(real, x)                                                                                    \
    IN(real, mean)                                                                                 \
    IN(real, var)                                                                                  \
    IN(real, weight)                                                                               \
    IN(real, bias)                                                                                 \
    IN(real, residual)                                                                             \
    OUT(real, y) GEOMETRY(norm, g) NUMBER(eps) INTEGER(activation) NUMBER(a) NUMBER(b)
#define CNET_batch_norm_backward(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                        \
    IN(real, grad_output)                                                                          \
    IN(real, x)                                                                                    \
    IN(real, mean)                                                                                 \
    IN(real, var)                                                                                  \
    IN(real, weight)                                                                               \
    IN(real, bias)                                                                                 \
    IN(real, y)                                                                                    \
    IN(real, addend)                                                                               \
    OUT(real, dx)                                                                                  \
    OUT(real, dweight)                                                                             \
    OUT(real, dbias)                                                                               \
    OUT(real, dresidual)                                                                           \
    GEOMETRY(norm, g)                                                                              \
    INTEGER(pitch) NUMBER(eps) INTEGER(from_batch) INTEGER(activation) NUMBER(a) NUMBER(b)
#define CNET_group_norm(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                                 \
    IN(real, x)                                                                                    \
    IN(real, mean)                                                                                 \
    IN(real, var) IN(real, weight) IN(real, bias) OUT(real, y) GEOMETRY(norm, g) INTEGER(groups)   \
        NUMBER(eps)
#define CNET_group_norm_backward(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                        \
    IN(real, grad_output)                                                                          \
    IN(real, x)                                                                                    \
    IN(real, mean)                                                                                 \
    IN(real, var) IN(real, weight) OUT(real, dx) OUT(real, dweight) OUT(real, dbias)               \
        GEOMETRY(norm, g) INTEGER(groups) NUMBER(eps)

/* ---- recurrent ---- */
#define CNET_recurrent(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                                  \
    IN(real, products)                                                                             \
    IN(real, w_hh)                                                                                 \
    IN(real, b_hh)                                                                                 \
    IN(real, w_hr)                                                                                 \
    IN(real, hx)                                                                                   \
    IN(real, cx)                                                                                   \
    OUT(real, gates)                                                                               \
    OUT(real, kept)                                                                                \
    OUT(real, y) OUT(real, cy) GEOMETRY(recurrent_layer, g) INTEGER(cell) INTEGER(reversed)
#define CNET_recurrent_backward(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                         \
    IN(real, grad_y)                                                                               \
    IN(real, grad_hy)                                                                              \
    IN(real, grad_cy)                                                                              \
    IN(real, gates)                                                                                \
    IN(real, kept)                                                                                 \
    IN(real, w_hh)                                                                                 \
    IN(real, w_hr)                                                                                 \
    OUT(real, dx)                                                                                  \
    OUT(real, dh)                                                                                  \
    OUT(real, dy)                                                                                  \
    OUT(real, dhx) OUT(real, dcx) GEOMETRY(recurrent_layer, g) INTEGER(cell) INTEGER(reversed)

/* ---- loss ---- */
#define CNET_cross_entropy(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                              \
    IN(real, logits)                                                                               \
    IN(int64_t, target)                                                                            \
    IN(real, weight)                                                                               \
    OUT(real, losses) OUT(real, logsumexp) GEOMETRY(rows, g) NUMBER(label_smoothing)               \
        INTEGER(ignore_index)
#define CNET_cross_entropy_backward(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                     \
    IN(real, grad_losses)                                                                          \
    IN(real, logits)                                                                               \
    IN(int64_t, target)                                                                            \
    IN(real, logsumexp) IN(real, weight) OUT(real, dlogits) GEOMETRY(rows, g)                      \
        NUMBER(label_smoothing) INTEGER(ignore_index)
#define CNET_reduce_losses(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                              \
    IN(real, losses)                                                                               \
    IN(int64_t, target)                                                                            \
    IN(real, weight)                                                                               \
    OUT(real, loss) OUT(real, divisor) GEOMETRY(rows, g) INTEGER(mean) INTEGER(ignore_index)
#define CNET_reduce_losses_backward(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                     \
    IN(real, grad_loss) IN(real, divisor) OUT(real, grad_losses) GEOMETRY(rows, g)
#define CNET_nll_loss(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                                   \
    IN(real, x)                                                                                    \
    IN(int64_t, target)                                                                            \
    IN(real, weight)                                                                               \
    OUT(real, losses)                                                                              \
    OUT(real, loss) OUT(real, divisor) GEOMETRY(rows, g) INTEGER(mean) INTEGER(ignore_index)
#define CNET_nll_loss_backward(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                          \
    IN(real, grad_losses)                                                                          \
    IN(int64_t, target)                                                                            \
    IN(real, weight) OUT(real, dx) GEOMETRY(rows, g) INTEGER(ignore_index)
#define CNET_ctc_loss(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                                   \
    IN(real, log_probs)                                                                            \
    IN(int64_t, targets)                                                                           \
    IN(int64_t, input_lengths)                                                                     \
    IN(int64_t, target_lengths)                                                                    \
    OUT(real, losses) OUT(real, alpha) GEOMETRY(labels, g) INTEGER(blank)
#define CNET_ctc_loss_backward(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                          \
    IN(real, grad_losses)                                                                          \
    IN(real, log_probs)                                                                            \
    IN(int64_t, targets)                                                                           \
    IN(int64_t, input_lengths)                                                                     \
    IN(int64_t, target_lengths)                                                                    \
    IN(real, losses) IN(real, alpha) OUT(real, dx) GEOMETRY(labels, g) INTEGER(blank)

/* ---- optim ---- */
#define CNET_sgd_step(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                                   \
    OUT(real, param)                                                                               \
    IN(real, grad)                                                                                 \
    OUT(real, momentum_buffer)                                                                     \
    COUNT(count) NUMBER(lr) NUMBER(momentum) NUMBER(dampening) NUMBER(weight_decay)                \
        INTEGER(nesterov) INTEGER(maximize) INTEGER(first)
#define CNET_adam_step(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)                                  \
    OUT(real, param)                                                                               \
    IN(real, grad)                                                                                 \
    OUT(real, exp_avg)                                                                             \
    OUT(real, exp_avg_sq) COUNT(count) NUMBER(lr) NUMBER(beta1) NUMBER(beta2) NUMBER(eps)          \
        NUMBER(weight_decay) INTEGER(step) INTEGER(maximize) INTEGER(decoupled)

/* KERNEL(name, WORKSPACE or NO_WORKSPACE): whether the kernel has a <name>_workspace function, see
 * cnet_implementation in cnet.h. The first list is of kernels that exist only for float32. */
#define CNET_FLOAT32_KERNELS(KERNEL)                                                               \
    KERNEL(quantize, NO_WORKSPACE)                                                                 \
    KERNEL(dequantize, NO_WORKSPACE)                                                               \
    KERNEL(prepare_quantized_conv2d, WORKSPACE)                                                    \
    KERNEL(quantized_conv2d, WORKSPACE)                                                            \
    KERNEL(quantized_max_pool2d, NO_WORKSPACE)                                                     \
    KERNEL(to_bfloat16, NO_WORKSPACE)                                                              \
    KERNEL(from_bfloat16, NO_WORKSPACE)                                                            \
    KERNEL(prepare_bfloat16_conv2d, WORKSPACE)                                                     \
    KERNEL(bfloat16_conv2d, WORKSPACE)                                                             \
    KERNEL(bfloat16_max_pool2d, NO_WORKSPACE)
#define CNET_IMAGE_KERNELS(KERNEL)                                                                 \
    KERNEL(im2col, NO_WORKSPACE)                                                                   \
    KERNEL(col2im, NO_WORKSPACE)                                                                   \
    KERNEL(conv2d, WORKSPACE)                                                                      \
    KERNEL(conv2d_backward, WORKSPACE)                                                             \
    KERNEL(conv2d_nhwc, WORKSPACE)                                                                 \
    KERNEL(conv2d_nhwc_backward, WORKSPACE)                                                        \
    KERNEL(conv2d_relu_pool, WORKSPACE)                                                            \
    KERNEL(conv2d_relu_pool_backward, WORKSPACE)                                                   \
    KERNEL(prepare_conv2d, WORKSPACE)                                                              \
    KERNEL(prepared_conv2d, WORKSPACE)                                                             \
    KERNEL(block, NO_WORKSPACE)                                                                    \
    KERNEL(unblock, NO_WORKSPACE)                                                                  \
    KERNEL(prepare_blocked_conv2d, WORKSPACE)                                                      \
    KERNEL(blocked_conv2d, WORKSPACE)                                                              \
    KERNEL(blocked_pool2d, NO_WORKSPACE)                                                           \
    KERNEL(relu_pool, NO_WORKSPACE)                                                                \
    KERNEL(relu_pool_backward, NO_WORKSPACE)                                                       \
    KERNEL(max_pool2d, WORKSPACE)                                                                  \
    KERNEL(max_pool2d_backward, NO_WORKSPACE)                                                      \
    KERNEL(max_pool_windows, NO_WORKSPACE)                                                         \
    KERNEL(avg_pool2d, WORKSPACE)                                                                  \
    KERNEL(avg_pool2d_backward, WORKSPACE)                                                         \
    KERNEL(max_pool2d_nhwc, NO_WORKSPACE)                                                          \
    KERNEL(max_pool2d_nhwc_backward, NO_WORKSPACE)                                                 \
    KERNEL(avg_pool2d_nhwc, NO_WORKSPACE)                                                          \
    KERNEL(avg_pool2d_nhwc_backward, WORKSPACE)                                                    \
    KERNEL(max_pool2d_ties_backward, NO_WORKSPACE)
#define CNET_ARRAY_KERNELS(KERNEL)                                                                 \
    KERNEL(transpose, NO_WORKSPACE)                                                                \
    KERNEL(resample, NO_WORKSPACE)                                                                 \
    KERNEL(gather, NO_WORKSPACE)                                                                   \
    KERNEL(scatter, NO_WORKSPACE)                                                                  \
    KERNEL(searchsorted, NO_WORKSPACE)                                                             \
    KERNEL(sort, WORKSPACE)                                                                        \
    KERNEL(kth, WORKSPACE)                                                                         \
    KERNEL(grid_sample, NO_WORKSPACE)                                                              \
    KERNEL(grid_sample_backward, NO_WORKSPACE)                                                     \
    KERNEL(distances, NO_WORKSPACE)                                                                \
    KERNEL(distances_backward, WORKSPACE)                                                          \
    KERNEL(multinomial, WORKSPACE)                                                                 \
    KERNEL(normal, NO_WORKSPACE)                                                                   \
    KERNEL(gemm, WORKSPACE)                                                                        \
    KERNEL(column_sums, NO_WORKSPACE)                                                              \
    KERNEL(prepare_linear, WORKSPACE)                                                              \
    KERNEL(prepared_linear, NO_WORKSPACE)                                                          \
    KERNEL(attention, WORKSPACE)                                                                   \
    KERNEL(elementwise, NO_WORKSPACE)                                                              \
    KERNEL(elementwise_backward, NO_WORKSPACE)                                                     \
    KERNEL(combine, NO_WORKSPACE)                                                                  \
    KERNEL(add, NO_WORKSPACE)                                                                      \
    KERNEL(copy, NO_WORKSPACE)                                                                     \
    KERNEL(arithmetic, NO_WORKSPACE)                                                               \
    KERNEL(strided_copy, NO_WORKSPACE)                                                             \
    KERNEL(softmax, NO_WORKSPACE)                                                                  \
    KERNEL(softmax_backward, NO_WORKSPACE)                                                         \
    KERNEL(reduce, WORKSPACE)                                                                      \
    KERNEL(accumulate, NO_WORKSPACE)                                                               \
    KERNEL(batch_norm_stats, WORKSPACE)                                                            \
    KERNEL(batch_norm, NO_WORKSPACE)                                                               \
    KERNEL(batch_norm_backward, WORKSPACE)                                                         \
    KERNEL(group_norm, NO_WORKSPACE)                                                               \
    KERNEL(group_norm_backward, WORKSPACE)                                                         \
    KERNEL(recurrent, WORKSPACE)                                                                   \
    KERNEL(recurrent_backward, WORKSPACE)                                                          \
    KERNEL(cross_entropy, NO_WORKSPACE)                                                            \
    KERNEL(cross_entropy_backward, NO_WORKSPACE)                                                   \
    KERNEL(reduce_losses, NO_WORKSPACE)                                                            \
    KERNEL(reduce_losses_backward, NO_WORKSPACE)                                                   \
    KERNEL(nll_loss, NO_WORKSPACE)                                                                 \
    KERNEL(nll_loss_backward, NO_WORKSPACE)                                                        \
    KERNEL(ctc_loss, WORKSPACE)                                                                    \
    KERNEL(ctc_loss_backward, WORKSPACE)                                                           \
    KERNEL(sgd_step, NO_WORKSPACE)                                                                 \
    KERNEL(adam_step, NO_WORKSPACE)
#define CNET_REAL_KERNELS(KERNEL) CNET_IMAGE_KERNELS(KERNEL) CNET_ARRAY_KERNELS(KERNEL)
#define CNET_KERNELS(KERNEL) CNET_REAL_KERNELS(KERNEL) CNET_FLOAT32_KERNELS(KERNEL)

/* clang-format on */

#endif
