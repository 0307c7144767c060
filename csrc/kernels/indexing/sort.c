/* The first elements of sorted rows, and single elements of them. */
#include "simd_math.h"

enum { DIGIT_BITS = 8, DIGITS = 1 << DIGIT_BITS, PASSES = sizeof(real), FEW = 40, VERY_FEW = 16 };
enum { BLOCK = 64 }; /* the elements of a row that are compared at a time */

/* An element of a row: a number in its order, and its position. */
typedef struct {
    bits_t key;
    uint32_t at;
} item_t;

typedef struct {
    const void *arguments;
    const real *x;
    real *values;
    int64_t *indices;
    cnet_cells g;
    char *workspace;
    ptrdiff_t rows; /* per chunk */
} job_t;

/* Elements as unsigned integers in the order of the numbers, or of signed integers: zeros are
 * equal, NaN is the greatest. If `flipped` has all bits, the order is reversed. Returns the bits in
 * which the keys differ. */
static __attribute__((noinline)) bits_t fill_keys(const real *x, ptrdiff_t step, ptrdiff_t size,
                                                  int is_integer, bits_t flipped, bits_t *keys) {
    const bits_t number = is_integer ? 0 : (bits_t)-1;
    real *to = (real *)keys;
    bits_vec differing = {0};
    bits_t some = 0;
    for (ptrdiff_t i = 0; step > 1 && i < size; i++)
        to[i] = x[i * step];
    const real *from = step > 1 ? to : x;
    for (ptrdiff_t i = 0; i < size; i += LANES) {
        const ptrdiff_t count = min_size(LANES, size - i);
        const vec v = load_run(from + i, count);
        bits_vec key = (bits_vec)(is_integer ? v : v + 0); /* no negative zero */
        key ^= ((bits_vec)((mask_vec)key < 0) & number) | SIGN_BIT;
        key = (key | ((bits_vec)(v != v) & number)) ^ flipped;
        store_run(to + i, (vec)key, count);
        if (count == LANES)
            differing |= key ^ keys[0];
    }
    for (ptrdiff_t i = size / LANES * LANES; i < size; i++)
        some |= keys[i] ^ keys[0];
    for (ptrdiff_t lane = 0; lane < LANES; lane++)
        some |= differing[lane];
    return some;
}

static ptrdiff_t row_start(const cnet_cells *g, ptrdiff_t row, ptrdiff_t cells) {
    return row / g->inner * cells * g->inner + row % g->inner;
}

static ptrdiff_t digit_of(bits_t key, int pass) {
    return key >> (DIGIT_BITS * pass) & (DIGITS - 1);
}

/* The key that sorting moves to position k, of keys that differ in some bits. In each pass, the
 * keys with the right digit remain, in the workspace, which is as large. */
static bits_t kth_key(const bits_t *keys, ptrdiff_t count, ptrdiff_t k, bits_t differing,
                      bits_t *workspace) {
    for (int pass = PASSES - 1; pass >= 0 && count > VERY_FEW; pass--) {
        if (digit_of(differing, pass) == 0)
            continue;
        uint32_t counts[DIGITS] = {0};
        ptrdiff_t digit = 0, left = 0;
        for (ptrdiff_t i = 0; i < count; i++)
            counts[digit_of(keys[i], pass)]++;
        while (k >= counts[digit])
            k -= counts[digit++];
        for (ptrdiff_t i = 0; i < count; i++) {
            const bits_t key = keys[i];
            workspace[left] = key;
            left += digit_of(key, pass) == digit;
        }
        keys = workspace;
        count = left;
    }
    if (count > VERY_FEW) /* all equal */
        return keys[0];
    for (ptrdiff_t i = 0;; i++) {
        ptrdiff_t less = 0, equal = 0;
        for (ptrdiff_t j = 0; j < count; j++) {
            less += keys[j] < keys[i];
            equal += keys[j] == keys[i];
        }
        if (less <= k && k < less + equal)
            return keys[i];
    }
}

/* Sorts items that are few, in place; equal keys keep their order. */
static void insert(item_t *items, ptrdiff_t count) {
    for (ptrdiff_t i = 1; i < count; i++) {
        const item_t item = items[i];
        ptrdiff_t j = i;
        for (; j > 0 && items[j - 1].key > item.key; j--)
            items[j] = items[j - 1];
        items[j] = item;
    }
}

/* Sorts items by one digit after the other, from the last; equal keys keep their order. Returns
 * which of the two arrays has the result. */
static item_t *sorted(item_t *items, item_t *other, ptrdiff_t count) {
    if (count <= FEW) {
        insert(items, count);
        return items;
    }
    uint32_t ends[PASSES][DIGITS] = {{0}};
    for (ptrdiff_t i = 0; i < count; i++)
        for (int pass = 0; pass < PASSES; pass++)
            ends[pass][digit_of(items[i].key, pass)]++;
    for (int pass = 0; pass < PASSES; pass++) {
        uint32_t *places = ends[pass], sum = 0;
        if (places[digit_of(items[0].key, pass)] == count)
            continue;
        for (ptrdiff_t digit = 0; digit < DIGITS; digit++) {
            const uint32_t next = sum + places[digit];
            places[digit] = sum;
            sum = next;
        }
        for (ptrdiff_t i = 0; i < count; i++)
            other[places[digit_of(items[i].key, pass)]++] = items[i];
        item_t *swapped = items;
        items = other;
        other = swapped;
    }
    return items;
}

/* Removes all keys but the `count` first ones, with their places; of equal keys, the first. The
 * others keep their order. Returns the last of the keys. */
static bits_t keep_first(bits_t *keys, uint32_t *places, ptrdiff_t size, ptrdiff_t count,
                         bits_t *workspace) {
    bits_t differing = 0;
    for (ptrdiff_t i = 0; i < size; i++)
        differing |= keys[i] ^ keys[0];
    const bits_t last = kth_key(keys, size, count - 1, differing, workspace);
    ptrdiff_t equal = count, left = 0;
    for (ptrdiff_t i = 0; i < size; i++)
        equal -= keys[i] < last;
    for (ptrdiff_t i = 0; left < count; i++) {
        const int is_equal = keys[i] == last;
        const int is_kept = keys[i] < last || (is_equal && equal > 0);
        keys[left] = keys[i];
        places[left] = places[i];
        left += is_kept;
        equal -= is_equal;
    }
    return last;
}

/* The `count` first items of a row, in the order of the row. Most items of a long row are left out
 * as soon as they are compared with the last of those that were the first until then. */
static void fill_first(const cnet_sort_arguments *a, const real *x, bits_t flipped, item_t *items,
                       bits_t *keys) {
    const ptrdiff_t size = a->g.size, count = a->g.count, inner = a->g.inner;
    const ptrdiff_t many = min_size(size, 4 * count + BLOCK);
    uint32_t *places = (uint32_t *)(items + size / 2);
    fill_keys(x, inner, many, a->integers != 0, flipped, keys);
    for (ptrdiff_t i = 0; i < many; i++)
        places[i] = (uint32_t)i;
    bits_t last = keep_first(keys, places, many, count, keys + size);
    ptrdiff_t left = count;
    for (ptrdiff_t at = many, next; at < size; at = next) {
        next = min_size(size, at + BLOCK);
        bits_t *block = keys + left;
        fill_keys(x + at * inner, inner, next - at, a->integers != 0, flipped, block);
        for (ptrdiff_t i = 0; i < next - at; i += LANES) {
            const ptrdiff_t end = min_size(i + LANES, next - at);
            if (end == i + LANES && all_lanes((bits_vec)load((const real *)block + i) >= last))
                continue;
            for (ptrdiff_t j = i; j < end; j++) {
                const bits_t key = block[j];
                keys[left] = key;
                places[left] = (uint32_t)(at + j);
                left += key < last;
            }
        }
        if (left > many || (next == size && left > count)) {
            last = keep_first(keys, places, left, count, keys + size);
            left = count;
        }
    }
    for (ptrdiff_t i = 0; i < count; i++)
        items[i] = (item_t){keys[i], places[i]};
}

static void sort_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    const job_t *job = argument;
    const cnet_sort_arguments *a = job->arguments;
    const ptrdiff_t size = a->g.size, count = a->g.count, inner = a->g.inner;
    const ptrdiff_t end = min_size(a->g.n * inner, (chunk + 1) * job->rows);
    const bits_t flipped = a->descending ? (bits_t)-1 : 0;
    item_t *items = (item_t *)job->workspace + 2 * slot * size, *other = items + size;
    bits_t *keys = (bits_t *)other; /* before the items are sorted */
    for (ptrdiff_t row = chunk * job->rows; row < end; row++) {
        const real *x = job->x + row_start(&a->g, row, size);
        const ptrdiff_t first = row_start(&a->g, row, count);
        const int is_part = count > 0 && count <= size / 4;
        if (is_part) {
            fill_first(a, x, flipped, items, keys);
        } else {
            fill_keys(x, inner, size, a->integers != 0, flipped, keys);
            for (ptrdiff_t i = 0; i < size; i++)
                items[i] = (item_t){keys[i], (uint32_t)i};
        }
        const item_t *result = sorted(items, other, is_part ? count : size);
        for (ptrdiff_t i = 0; i < count; i++) {
            job->indices[first + i * inner] = result[i].at;
            job->values[first + i * inner] = x[result[i].at * inner];
        }
    }
}

/* Rows of one element. */
static void copy_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    (void)slot;
    const job_t *job = argument;
    const ptrdiff_t row = chunk * job->rows;
    const size_t rows = (size_t)min_size(job->g.n * job->g.inner - row, job->rows);
    memcpy(job->values + row, job->x + row, rows * sizeof(real));
    memset(job->indices + row, 0, rows * sizeof(int64_t));
}

static void run(cnet_task *task, job_t job, const cnet_call *call) {
    job.rows = max_size(1, ELEMENTS_PER_CHUNK / 8 / max_size(1, job.g.size));
    job.workspace = call->workspace;
    const ptrdiff_t chunks = job.g.count ? ceil_div(job.g.n * job.g.inner, job.rows) : 0;
    cnet_parallel(job.g.size == 1 ? copy_chunk : task, &job, chunks, call->threads);
}

size_t CNET_FN(sort_workspace)(cnet_call *call) {
    return 2 * (size_t)call->threads * (size_t)call->sort.g.size * sizeof(item_t);
}

/* indices[n, :, i] = the positions of the first `count` elements of x[n, :, i] in ascending or
 * descending order, values[n, :, i] = these elements.
 *
 * x (n, size, inner), values and indices (n, count, inner); overwrites both. With `integers`, the
 * bits of x are signed integers. Equal elements keep their order. NaN is greater than numbers and
 * equal to NaN; zeros are equal. size is less than 2^31, count at most size. Workspace: the items
 * of a row twice for each thread. Parallel over n and i. */
void CNET_FN(sort)(const cnet_call *call) {
    const cnet_sort_arguments *a = &call->sort;
    run(sort_chunk,
        (job_t){.arguments = a, .x = a->x, .values = a->values, .indices = a->indices, .g = a->g},
        call);
}

static void kth_chunk(const void *argument, ptrdiff_t chunk, int slot) {
    const job_t *job = argument;
    const cnet_kth_arguments *a = job->arguments;
    const ptrdiff_t size = a->g.size, inner = a->g.inner;
    const ptrdiff_t end = min_size(a->g.n * inner, (chunk + 1) * job->rows);
    bits_t *keys = (bits_t *)job->workspace + 2 * slot * size;
    for (ptrdiff_t row = chunk * job->rows; row < end; row++) {
        const real *x = job->x + row_start(&a->g, row, size);
        ptrdiff_t numbers = size, k = a->k, at = 0;
        const bits_t differing = fill_keys(x, inner, size, a->integers != 0, 0, keys);
        for (ptrdiff_t i = 0; a->nan != CNET_NAN_GREATEST && i < size; i++)
            numbers -= keys[i] == (bits_t)-1;
        if (a->nan == CNET_NAN_IGNORED)
            k = max_size(0, numbers - 1) / 2;
        else if (numbers < size)
            k = size - 1;
        const bits_t key = kth_key(keys, size, k, differing, keys + size);
        while (keys[at] != key)
            at++;
        job->indices[row] = at;
        job->values[row] = x[at * inner];
    }
}

size_t CNET_FN(kth_workspace)(cnet_call *call) {
    return 2 * (size_t)call->threads * (size_t)call->kth.g.size * sizeof(bits_t);
}

/* values[n, i] = the element that sorting moves to position k of x[n, :, i], indices[n, i] = the
 * position of the first element that equals it.
 *
 * x (n, size, inner), values and indices (n, inner); overwrites both. With `integers`, the bits of
 * x are signed integers, and `nan` is CNET_NAN_GREATEST. NaN is greater than numbers and equal to
 * NaN; if it wins, the result for a row with NaN is NaN; if it is ignored, k is not read, and the
 * result is the lower median of the numbers, or NaN without any. k is less than size. Workspace:
 * the keys of a row twice for each thread. Parallel over n and i. */
void CNET_FN(kth)(const cnet_call *call) {
    const cnet_kth_arguments *a = &call->kth;
    run(kth_chunk,
        (job_t){.arguments = a, .x = a->x, .values = a->values, .indices = a->indices, .g = a->g},
        call);
}
