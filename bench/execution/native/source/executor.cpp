// Whole networks, image by image: several threads share one image, or each takes images of its own.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#ifdef __linux__
#include <sys/mman.h>
#endif

#include "kernel.h"
#include "network.h"
#include "plan.h"
#include "team.h"

namespace native {
namespace {

struct Free {
    void operator()(void* memory) const { std::free(memory); }
};
template <typename T>
using Memory = std::unique_ptr<T[], Free>;

// Zeros, in large pages where the system has them: planes lie apart, and every one costs a page otherwise.
template <typename T>
Memory<T> zeros(size_t count) {
    constexpr size_t PAGE = size_t{1} << 21;
    const size_t bytes = round_up(count * sizeof(T) + 1, PAGE);
    void* memory = std::aligned_alloc(PAGE, bytes);
    if (!memory) throw std::bad_alloc();
#ifdef __linux__
    madvise(memory, bytes, MADV_HUGEPAGE);
#endif
    std::memset(memory, 0, bytes);
    return Memory<T>(static_cast<T*>(memory));
}

// What one thread of a pass has for itself.
struct Member {
    std::vector<float> pooled, scores, scales, row, cells, answer;
    std::vector<int> kept;

    Member(const Plan& plan)
        : pooled(plan.widest), scores(plan.widest), scales(plan.widest), row(plan.stem.to->geometry.row + 1),
          cells(plan.cells), answer(plan.classes), kept(plan.widest) {}
};

// What the threads of one pass share. Sums over the positions of the features alternate between two places: while one
// thread still reads the old ones, another may write new ones.
struct Workspace {
    Memory<float> arena;
    std::vector<float> scores, sums[2];
    std::vector<Member> members;

    Workspace(const Plan& plan, int threads)
        : arena(zeros<float>(plan.arena)), scores(plan.widest),
          sums{std::vector<float>(plan.sums), std::vector<float>(plan.sums)},
          members(threads, Member(plan)) {}
};

struct Channels {
    const int* list;
    int count;
};

// One image through the network, as one of the threads that work on it sees it: all of them take the same decisions
// and the same steps, each a part of each step.
class Pass {
public:
    Pass(const Plan& plan, const int32_t* masks, Workspace& shared, int rank, int size, Team* team)
        : plan_(plan), masks_(masks), shared_(shared), own_(shared.members[rank]), rank_(rank), size_(size),
          team_(team) {}

    void run(const Images& images, int64_t index, const Results& results) {
        start(images, index);
        int answer = 0;
        for (size_t block = 0; block < plan_.blocks.size(); ++block) {
            const BlockPlan& plan = plan_.blocks[block];
            step(plan, block, index, results);
            if (!plan.spec->exit.classifier.weight) continue;
            if (stops(plan.spec->exit, *plan.after)) return leave(block + 1, answer, index, results);
            ++answer;
        }
        pool(*plan_.blocks.back().after);
        for (int row = part(plan_.classes, rank_); row < part(plan_.classes, rank_ + 1); ++row)
            results.logits[index * plan_.classes + row] = score(plan_.classifier, row);
        if (results.answers && rank_ == 0) results.answers[index] = answer;
    }

private:
    int part(int count, int rank) const { return static_cast<int64_t>(count) * rank / size_; }
    void meet() {
        if (team_) team_->meet();
    }
    float* map(const Buffer* buffer) { return shared_.arena.get() + buffer->origin; }
    Channels all(int count) const { return {plan_.every_channel.data(), count}; }

    void start(const Images& images, int64_t index) {
        const Buffer* buffer = plan_.image;
        const Geometry& size = buffer->geometry;
        for (int row = part(plan_.stem_spec.inputs * size.height, rank_);
             row < part(plan_.stem_spec.inputs * size.height, rank_ + 1); ++row) {
            const int channel = row / size.height, y = row % size.height;
            float* target = map(buffer) + channel * size.plane() + y * size.row;
            const float* source = images.data + index * images.image + channel * images.channel + y * images.row;
            for (int x = 0; x < size.width; ++x) target[x] = source[x * images.column];
        }
        meet();
        if (!plan_.max_pool) new_sums();
        Convolving conv = convolving(plan_.stem);
        if (!plan_.max_pool) put_sums(conv, plan_.stem);
        convolution(plan_.stem, conv, all(plan_.stem_spec.inputs), all(plan_.stem_spec.outputs));
        if (plan_.max_pool) max_pool();
    }

    void max_pool() {
        const Geometry &from = plan_.stem.to->geometry, &to = plan_.first->geometry;
        new_sums();
        for (int channel = part(plan_.stem_spec.outputs, rank_); channel < part(plan_.stem_spec.outputs, rank_ + 1);
             ++channel) {
            const float* source = map(plan_.stem.to) + channel * from.plane();
            float* target = map(plan_.first) + channel * to.plane();
            float sum = 0;
            // Around the image lie zeros, which are as good as nothing: the stem ends in a ReLU.
            for (int y = 0; y < to.height; ++y) {
                const float *above = source + (2 * y - 1) * from.row, *row = above + from.row, *below = row + from.row;
                float* columns = own_.row.data() + 1;
                for (int x = -1; x < from.row; ++x) columns[x] = std::max(std::max(above[x], row[x]), below[x]);
                for (int x = 0; x < to.width; ++x)
                    sum += target[y * to.row + x] =
                        std::max(std::max(columns[2 * x - 1], columns[2 * x]), columns[2 * x + 1]);
            }
            sums()[channel] = sum;
        }
        meet();
    }

    void step(const BlockPlan& plan, size_t block, int64_t index, const Results& results) {
        float* channel_scales = results.channel_scales;
        if (channel_scales) channel_scales += index * plan_.gated_channels + plan.first_channel;
        const float scale = layer_scale(plan);
        if (results.layer_scales && rank_ == 0) results.layer_scales[index * plan_.blocks.size() + block] = scale;
        if (scale > 0)
            execute(plan, scale, channel_scales);
        else
            pass_by(plan, channel_scales);
    }

    // Every thread asks for itself, and hears the same. No one goes on to change the features before all have looked.
    bool stops(const Exit& exit, const Buffer& features) {
        pool_cells(exit, features);
        const Linear& linear = exit.classifier;
        float* answer = own_.answer.data();
        for (int row = 0; row < linear.outputs; ++row)
            answer[row] = dot(linear.weight + static_cast<ptrdiff_t>(row) * linear.inputs, own_.cells.data(),
                              linear.inputs) + linear.bias[row];
        meet();
        return log_odds(answer, linear.outputs) > exit.threshold;
    }

    void pool_cells(const Exit& exit, const Buffer& features) {
        const Geometry& size = features.geometry;
        const int rows = std::min(size.height, POOLED), columns = std::min(size.width, POOLED);
        float* cell = own_.cells.data();
        for (int channel = 0; channel < exit.classifier.inputs / (rows * columns); ++channel) {
            const float* plane = map(&features) + channel * size.plane();
            for (int row = 0; row < rows; ++row)
                for (int column = 0; column < columns; ++column)
                    *cell++ = pool_cell(plane, size, row, rows, column, columns, exit.mix);
        }
    }

    // Neighbouring cells share a row or column of positions where the size is no multiple.
    static float pool_cell(const float* plane, const Geometry& size, int row, int rows, int column, int columns,
                           float mix) {
        const int top = row * size.height / rows, bottom = ((row + 1) * size.height + rows - 1) / rows;
        const int left = column * size.width / columns, right = ((column + 1) * size.width + columns - 1) / columns;
        float sum = 0, largest = plane[top * size.row + left];
        for (int y = top; y < bottom; ++y)
            for (int x = left; x < right; ++x) {
                sum += plane[y * size.row + x];
                largest = std::max(largest, plane[y * size.row + x]);
            }
        const float mean = sum / ((bottom - top) * (right - left));
        return mean + mix * (largest - mean);
    }

    // log(p / (1 - p)) of the most likely class.
    static float log_odds(const float* answer, int classes) {
        const float* top = std::max_element(answer, answer + classes);
        float second = -INFINITY, sum = 0;
        for (const float* other = answer; other < answer + classes; ++other)
            if (other != top) second = std::max(second, *other);
        for (const float* other = answer; other < answer + classes; ++other)
            if (other != top) sum += std::exp(*other - second);
        return *top - second - std::log(sum);
    }

    // Writes what an exit said, and that nothing behind it was run.
    void leave(size_t block, int answer, int64_t index, const Results& results) {
        if (rank_ != 0) return;
        std::copy_n(own_.answer.data(), plan_.classes, results.logits + index * plan_.classes);
        if (results.answers) results.answers[index] = answer;
        const size_t blocks = plan_.blocks.size();
        if (results.layer_scales) std::fill_n(results.layer_scales + index * blocks + block, blocks - block, 0.0f);
        if (!results.channel_scales || block == blocks) return;
        const int first = plan_.blocks[block].first_channel;
        std::fill_n(results.channel_scales + index * plan_.gated_channels + first, plan_.gated_channels - first, 0.0f);
    }

    float layer_scale(const BlockPlan& plan) {
        const Block& block = *plan.spec;
        if (block.layer_gate.weight || block.channel_gate.weight) pool(*plan.before);
        return block.layer_gate.weight ? clamped(score(block.layer_gate, 0)) : 1.0f;
    }

    void execute(const BlockPlan& plan, float scale, float* channel_scales) {
        const Block& block = *plan.spec;
        const bool gated = block.channel_gate.weight;
        const Channels kept = gated ? choose(block, channel_scales) : Channels{};
        Channels inputs = all(block.units[0].inputs);
        for (int index = 0; index < block.unit_count - 1; ++index) {
            const bool narrowed = gated && index == block.gated_unit;
            const Channels outputs = narrowed ? kept : all(block.units[index].outputs);
            Convolving conv = convolving(plan.units[index]);
            if (narrowed) conv.scales = own_.scales.data();
            convolution(plan.units[index], conv, inputs, outputs);
            inputs = outputs;
        }
        shortcut(plan, false);
        new_sums();
        Convolving conv = convolving(plan.units.back());
        conv.scale = scale;
        conv.add = conv.relu = true;
        if (plan.pooled) put_sums(conv, plan.units.back());
        convolution(plan.units.back(), conv, inputs, all(plan.units.back().spec->outputs));
    }

    // The shortcut, which is not negative where it is not a convolution.
    void pass_by(const BlockPlan& plan, float* channel_scales) {
        const Block& block = *plan.spec;
        if (channel_scales && block.channel_gate.weight && rank_ == 0)
            std::fill_n(channel_scales, block.units[block.gated_unit].outputs, 0.0f);
        if (block.shortcut == IDENTITY) return;
        new_sums();
        shortcut(plan, true);
    }

    // Writes the shortcut where the branch will be added, or as the block's output.
    void shortcut(const BlockPlan& plan, bool is_output) {
        if (plan.spec->shortcut == SUBSAMPLED) subsample(plan, is_output);
        if (plan.spec->shortcut != PROJECTION) return;
        Convolving conv = convolving(plan.projection);
        conv.relu = is_output;
        if (is_output && plan.pooled) put_sums(conv, plan.projection);
        convolution(plan.projection, conv, all(plan.spec->projection.inputs), all(plan.spec->projection.outputs));
    }

    void subsample(const BlockPlan& plan, bool is_output) {
        const Geometry &from = plan.before->geometry, &to = plan.after->geometry;
        const int inputs = plan.spec->units[0].inputs, outputs = plan.units.back().spec->outputs;
        for (int channel = part(outputs, rank_); channel < part(outputs, rank_ + 1); ++channel) {
            const int input = channel - plan.spec->before;
            const bool filled = input >= 0 && input < inputs;
            const float* source = map(plan.before) + (filled ? input : 0) * from.plane();
            float* target = map(plan.after) + channel * to.plane();
            float sum = 0;
            for (int y = 0; y < to.height; ++y)
                for (int x = 0; x < to.width; ++x)
                    sum += target[y * to.row + x] = filled ? source[2 * y * from.row + 2 * x] : 0.0f;
            if (is_output) sums()[channel] = sum;
        }
        meet();
    }

    Convolving convolving(const Step& step) {
        const Geometry &from = step.from->geometry, &to = step.to->geometry;
        const Rearranged& rearranged = step.rearranged;
        Convolving conv{};
        conv.input = rearranged.needed ? shared_.arena.get() : map(step.from);
        conv.input_plane = rearranged.needed ? rearranged.plane * rearranged.phases * rearranged.phases : from.plane();
        conv.weight = step.spec->weight;
        conv.weights_per_input = conv.taps = step.taps();
        conv.weights_per_output = static_cast<ptrdiff_t>(step.spec->inputs) * step.taps();
        conv.offsets = step.offsets.data();
        conv.output = map(step.to);
        conv.output_plane = to.plane();
        conv.mask = masks_ + step.to->mask;
        conv.bias = step.spec->bias;
        conv.scale = 1.0f;
        conv.relu = step.spec->relu;
        return conv;
    }

    void convolution(const Step& step, Convolving& conv, Channels inputs, Channels outputs) {
        if (step.rearranged.needed) {
            for (int index = part(inputs.count, rank_); index < part(inputs.count, rank_ + 1); ++index)
                rearrange(step, inputs.list[index]);
            meet();
        }
        conv.inputs = inputs.list;
        conv.input_count = inputs.count;
        const Items items(conv, outputs.list, outputs.count, step.to->geometry.vectors(), size_);
        if (team_)
            share(conv, items);
        else
            convolve(conv, items, 0, items.count());
        meet();
    }

    // Own pieces first, whose neighbours this thread has computed and read before, then whatever others have left.
    void share(const Convolving& conv, const Items& items) {
        const int64_t pieces = size_ * PIECES;
        for (int turn = 0; turn < size_; ++turn) {
            const int owner = (rank_ + turn) % size_;
            for (int taken; (taken = team_->take(owner)) < PIECES;) {
                const int64_t piece = owner * PIECES + taken;
                convolve(conv, items, items.count() * piece / pieces, items.count() * (piece + 1) / pieces);
            }
        }
    }

    void rearrange(const Step& step, int channel) {
        if (step.spec->stride == 2)
            rearrange(step, channel, std::integral_constant<int, 2>());
        else
            rearrange(step, channel, step.spec->stride);
    }

    template <typename Stride>  // a number that the compiler knows makes vectors of the copies
    void rearrange(const Step& step, int channel, Stride stride) {
        const Rearranged& to = step.rearranged;
        const Geometry& from = step.from->geometry;
        const int middle = step.spec->kernel / 2, row = step.to->geometry.row;
        const float* source = map(step.from) + channel * from.plane();
        float* target = shared_.arena.get() + channel * to.plane * to.phases * to.phases;
        for (int phase = 0; phase < to.phases * to.phases; ++phase, target += to.plane) {
            std::memset(target, 0, to.plane * sizeof(float));
            const int down = phase / to.phases - middle, right = phase % to.phases - middle;
            for (int y = 0; y < to.rows; ++y) {
                const int source_y = y * stride + down;
                if (source_y < 0 || source_y >= from.height) continue;
                const int begin = right < 0 ? (stride - 1 - right) / stride : 0;
                const int end = std::min(row, (from.width - right + stride - 1) / stride);
                const float* line = source + source_y * from.row + right;
                for (int x = begin; x < end; ++x) target[y * row + x] = line[x * stride];
            }
        }
    }

    void new_sums() {
        parity_ ^= 1;
        rows_ = 1;
        pooled_ = false;
    }
    float* sums() { return shared_.sums[parity_].data(); }

    void put_sums(Convolving& conv, const Step& step) {
        rows_ = tiles_of(step.to->geometry.vectors());
        conv.sums = sums();
        conv.sums_per_tile = step.to->channels;
    }

    // The features averaged over their positions, if that has not been done since they changed.
    void pool(const Buffer& features) {
        if (pooled_) return;
        pooled_ = true;
        const float share = 1.0f / features.geometry.area();
        float* pooled = own_.pooled.data();
        std::fill_n(pooled, features.channels, 0.0f);
        for (int row = 0; row < rows_; ++row) {
            const float* sums = this->sums() + static_cast<ptrdiff_t>(row) * features.channels;
            for (int channel = 0; channel < features.channels; ++channel) pooled[channel] += sums[channel];
        }
        for (int channel = 0; channel < features.channels; ++channel) pooled[channel] *= share;
    }

    float score(const Linear& linear, int row) const {
        const float* weight = linear.weight + static_cast<ptrdiff_t>(row) * linear.inputs;
        return dot(weight, own_.pooled.data(), linear.inputs) + linear.bias[row];
    }

    static float clamped(float score) { return score > 0 ? std::min(score, 1.0f) : 0.0f; }

    Channels choose(const Block& block, float* channel_scales) {
        const Linear& gate = block.channel_gate;
        // Small gates are asked by every thread for itself, which takes less time than to wait for each other.
        const bool shared = static_cast<int64_t>(gate.inputs) * gate.outputs > SMALL_GATE;
        float* scores = shared ? shared_.scores.data() : own_.scores.data();
        const int begin = shared ? part(gate.outputs, rank_) : 0;
        const int end = shared ? part(gate.outputs, rank_ + 1) : gate.outputs;
        for (int row = begin; row < end; ++row) scores[row] = clamped(score(gate, row));
        if (shared) meet();
        const int channels = block.units[block.gated_unit].outputs, group = channels / gate.outputs;
        int count = 0;
        float lowest = 1.0f;
        for (int channel = 0; channel < channels; ++channel) {
            const float scale = scores[channel / group];
            lowest = std::min(lowest, scale);
            own_.scales[channel] = block.menu ? lowest : scale;
            own_.kept[count] = channel;
            count += own_.scales[channel] > 0;
        }
        if (channel_scales && rank_ == 0) std::copy_n(own_.scales.data(), channels, channel_scales);
        return {own_.kept.data(), count};
    }

    static constexpr int64_t SMALL_GATE = 1 << 14;
    static constexpr int PIECES = 8;  // of a thread's share of a convolution

    const Plan& plan_;
    const int32_t* masks_;
    Workspace& shared_;
    Member& own_;
    const int rank_, size_;
    Team* const team_;
    int parity_ = 0, rows_ = 1;
    bool pooled_ = false;
};

class Executor {
public:
    Executor(const Network& network, int height, int width, int threads)
        : plan_(network, height, width), masks_(zeros<int32_t>(plan_.masks.size())), team_(threads) {
        std::copy(plan_.masks.begin(), plan_.masks.end(), masks_.get());
        for (int rank = 0; rank < threads; ++rank) workspaces_.emplace_back(plan_, threads);
    }

    // An image per thread as long as there are enough of them; the rest together.
    void run(const Images& images, const Results& results) {
        const int size = team_.size(), apart = size > 1 ? images.count - images.count % size : 0;
        std::atomic<int> next{0};
        team_.run([&](int rank) {
            for (int index; (index = next.fetch_add(1)) < apart;)
                Pass(plan_, masks_.get(), workspaces_[rank], 0, 1, nullptr).run(images, index, results);
            team_.meet();
            for (int index = apart; index < images.count; ++index) {
                Pass(plan_, masks_.get(), workspaces_[0], rank, size, &team_).run(images, index, results);
                team_.meet();
            }
        });
    }

private:
    const Plan plan_;
    const Memory<int32_t> masks_;
    std::vector<Workspace> workspaces_;
    Team team_;
};

}  // namespace
}  // namespace native

#define EXPORT __attribute__((visibility("default")))

EXPORT void* native_create(const Network* network, int32_t height, int32_t width, int32_t threads, char* error,
                           size_t error_size) try {
    native::require(threads > 0 && threads <= 1024, "an executor needs 1 to 1024 threads");
    return new native::Executor(*network, height, width, threads);
} catch (const std::exception& problem) {
    std::snprintf(error, error_size, "%s", problem.what());
    return nullptr;
}

EXPORT void native_run(void* executor, const Images* images, const Results* results) {
    static_cast<native::Executor*>(executor)->run(*images, *results);
}

EXPORT void native_destroy(void* executor) { delete static_cast<native::Executor*>(executor); }

EXPORT int32_t native_features() {
#if defined(__x86_64__)
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
    return avx2 | avx512 << 1;
#else
    return 0;
#endif
}
