// A network for images of one size: which convolution reads and writes which feature maps, and where these lie.
#pragma once
#include <algorithm>
#include <deque>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernel.h"
#include "network.h"

namespace native {

inline void require(bool condition, const std::string& message) {
    if (!condition) throw std::invalid_argument(message);
}

template <typename Integer>
Integer round_up(Integer value, Integer step) {
    return (value + step - 1) / step * step;
}

// Planes of one size. Position (y, x) lies at y * row + x; `lead` zeros are in front, at least one row and one.
struct Geometry {
    int height, width, row;

    int area() const { return height * width; }
    int vectors() const { return (height * row + LANES - 1) / LANES; }
    ptrdiff_t lead() const { return round_up<ptrdiff_t>(row + 1, LINE); }
    // An odd number of cache lines: then the same position of all channels is spread over all sets of the cache.
    ptrdiff_t plane() const {
        const ptrdiff_t lines = (lead() + round_up<ptrdiff_t>(vectors() * LANES, LINE)) / LINE;
        return (lines | 1) * LINE;
    }
    bool operator==(const Geometry& other) const {
        return height == other.height && width == other.width && row == other.row;
    }
};

inline Geometry geometry(int height, int width, int zeros = 1) { return {height, width, width + zeros}; }

// Feature maps that are never needed at the same time share a buffer: one for each geometry and role.
struct Buffer {
    Geometry geometry;
    int role, channels = 0;
    ptrdiff_t mask = 0, origin = 0;  // of position 0 of channel 0 in the arena; of the mask in `Plan::masks`
};

// A convolution with a stride, or with a kernel beyond 3 x 3, reads a rearranged copy of its input, in which every tap
// walks in steps of one: a plane for each phase of the stride, [input][row phase][column phase].
struct Rearranged {
    bool needed = false;
    int phases = 1, rows = 0;
    ptrdiff_t plane = 0;
};

struct Step {
    const Convolution* spec;
    const Buffer *from, *to;
    Rearranged rearranged;
    std::vector<int> offsets;

    int taps() const { return spec->kernel * spec->kernel; }
};

struct BlockPlan {
    const Block* spec;
    std::vector<Step> units;
    Step projection;
    const Buffer *before, *after;
    int first_channel;  // among all gated blocks' channels
    bool pooled = true;  // whether a gate, or the classifier, looks at the output
};

class Plan {
public:
    Plan(const Network& network, int height, int width);

    std::vector<Block> specs;
    std::vector<std::vector<Convolution>> units;
    Convolution stem_spec;
    Linear classifier;
    bool max_pool;

    const Buffer *image, *first;
    Step stem;
    std::vector<BlockPlan> blocks;
    std::vector<int32_t> masks;
    std::vector<int> every_channel;
    ptrdiff_t scratch = 0, arena = 0;  // in floats
    int widest = 0, gated_channels = 0;
    int cells = 0, classes;  // of the largest exit's input; of every classifier
    ptrdiff_t sums = 0;  // floats for the sums of any features, tile by tile

private:
    enum Role { FEATURES, MORE_FEATURES, INNER, MORE_INNER };

    Buffer* buffer(const Geometry& geometry, int role, int channels);
    Step step(const Convolution& spec, const Buffer* from, int role);
    BlockPlan block(const Block& spec, const Buffer* from);
    void place();

    std::deque<Buffer> buffers_;
};

inline void check(const Convolution& conv, int inputs) {
    require(conv.weight && conv.bias, "a convolution has no weights");
    require(conv.inputs == inputs && conv.outputs > 0, "a convolution reads " + std::to_string(conv.inputs) +
                                                           " channels, and there are " + std::to_string(inputs));
    require(conv.kernel > 0 && conv.kernel % 2 && conv.stride > 0, "kernels must be odd, strides positive");
}

inline void check(const Linear& linear, int inputs, const char* what) {
    require(!linear.weight || (linear.bias && linear.inputs == inputs && linear.outputs > 0),
            std::string(what) + " does not fit its input of " + std::to_string(inputs) + " channels");
}

constexpr int POOLED = 4;  // cells a side of what an exit looks at

// How many numbers an exit looks at.
inline int check(const Exit& exit, int channels, const Geometry& size, int classes) {
    const int inputs = channels * std::min(size.height, POOLED) * std::min(size.width, POOLED);
    check(exit.classifier, inputs, "an exit");
    require(exit.classifier.outputs == classes, "an exit has other classes than the classifier");
    return inputs;
}

inline Plan::Plan(const Network& network, int height, int width)
    : stem_spec(network.stem), classifier(network.classifier), max_pool(network.max_pool),
      classes(network.classifier.outputs) {
    require(height > 0 && width > 0 && height <= 1 << 12 && width <= 1 << 12, "images must have 1 to 4096 pixels a side");
    require(network.block_count > 0 && network.blocks, "a network needs blocks");
    check(stem_spec, stem_spec.inputs);
    specs.assign(network.blocks, network.blocks + network.block_count);
    for (Block& spec : specs) {
        require(spec.unit_count >= 2 && spec.units, "a block needs at least two convolutions");
        units.emplace_back(spec.units, spec.units + spec.unit_count);
        spec.units = units.back().data();
    }
    image = buffer(geometry(height, width), MORE_INNER, stem_spec.inputs);
    stem = step(stem_spec, image, max_pool ? INNER : FEATURES);
    first = stem.to;
    if (max_pool) {
        const Geometry& large = stem.to->geometry;
        first = buffer(geometry((large.height + 1) / 2, (large.width + 1) / 2), FEATURES, stem_spec.outputs);
    }
    const Buffer* features = first;
    int channels = stem_spec.outputs;
    for (const Block& spec : specs) {
        check(spec.units[0], channels);
        if (!blocks.empty()) blocks.back().pooled = spec.layer_gate.weight || spec.channel_gate.weight;
        blocks.push_back(block(spec, features));
        features = blocks.back().after;
        channels = spec.units[spec.unit_count - 1].outputs;
        if (spec.exit.classifier.weight) cells = std::max(cells, check(spec.exit, channels, features->geometry, classes));
    }
    require(classifier.weight, "a network needs a classifier");
    check(classifier, channels, "the classifier");
    place();
}

inline Buffer* Plan::buffer(const Geometry& geometry, int role, int channels) {
    auto same = [&](const Buffer& one) { return one.geometry == geometry && one.role == role; };
    auto found = std::find_if(buffers_.begin(), buffers_.end(), same);
    Buffer& result = found == buffers_.end() ? buffers_.emplace_back(Buffer{geometry, role}) : *found;
    result.channels = std::max(result.channels, channels);
    widest = std::max(widest, channels);
    return &result;
}

inline Step Plan::step(const Convolution& spec, const Buffer* from, int role) {
    const Geometry& source = from->geometry;
    const int kernel = spec.kernel, stride = spec.stride, middle = kernel / 2, reach = (kernel - 1) / stride;
    Geometry target = source;
    Rearranged rearranged;
    if (stride > 1 || kernel > 3) {
        target = geometry((source.height - 1) / stride + 1, (source.width - 1) / stride + 1, std::max(1, reach));
        const int phases = std::min(kernel, stride), rows = target.height + reach;
        const ptrdiff_t read = target.vectors() * LANES + static_cast<ptrdiff_t>(reach) * (target.row + 1);
        rearranged = {true, phases, rows, round_up(std::max<ptrdiff_t>(read, rows * target.row), LINE)};
        scratch = std::max(scratch, rearranged.plane * phases * phases * spec.inputs);
    }
    Step result{&spec, from, buffer(target, role, spec.outputs), rearranged, {}};
    for (int y = 0; y < kernel; ++y)
        for (int x = 0; x < kernel; ++x) {
            const int phase = y % stride * rearranged.phases + x % stride;
            result.offsets.push_back(rearranged.needed
                                         ? phase * rearranged.plane + y / stride * target.row + x / stride
                                         : (y - middle) * target.row + x - middle);
        }
    return result;
}

inline BlockPlan Plan::block(const Block& spec, const Buffer* from) {
    const Convolution& last = spec.units[spec.unit_count - 1];
    const int inputs = spec.units[0].inputs;
    BlockPlan result{&spec, {}, {}, from, from, gated_channels};
    // A new map beside the old one, which the first convolution reads until the shortcut stands.
    const int role = spec.shortcut == IDENTITY ? from->role : from->role == FEATURES ? MORE_FEATURES : FEATURES;
    const Buffer* source = from;
    for (int index = 0; index < spec.unit_count; ++index) {
        const Convolution& unit = spec.units[index];
        require(unit.kernel <= 3, "kernels within blocks are 1 x 1 or 3 x 3");
        check(unit, index ? spec.units[index - 1].outputs : inputs);
        const int unit_role = &unit == &last ? role : index % 2 ? MORE_INNER : INNER;
        result.units.push_back(step(unit, source, unit_role));
        source = result.units.back().to;
    }
    result.after = source;
    if (spec.shortcut == IDENTITY) {
        require(result.after == from && last.outputs == inputs, "an identity shortcut needs a branch that keeps sizes");
    } else if (spec.shortcut == SUBSAMPLED) {
        const Geometry half = geometry((from->geometry.height + 1) / 2, (from->geometry.width + 1) / 2);
        require(result.after->geometry == half, "a subsampled shortcut needs a branch of stride 2");
        require(spec.before >= 0 && spec.before + inputs <= last.outputs, "a subsampled shortcut has too many channels");
    } else {
        check(spec.projection, inputs);
        result.projection = step(spec.projection, from, role);
        require(result.projection.to == result.after && spec.projection.outputs == last.outputs,
                "a projection must have the sizes of its branch");
    }
    require(spec.gated_unit >= 0 && spec.gated_unit + 1 < spec.unit_count, "the last convolution cannot be gated");
    const int inner = spec.units[spec.gated_unit].outputs;
    check(spec.layer_gate, inputs, "a layer gate");
    require(!spec.layer_gate.weight || spec.layer_gate.outputs == 1, "a layer gate has one score");
    check(spec.channel_gate, inputs, "a channel gate");
    if (spec.channel_gate.weight) {
        const int scores = spec.channel_gate.outputs;
        require(spec.menu ? scores == spec.menu && inner % scores == 0 : scores == inner,
                "a channel gate needs a score for each channel or step of its menu");
        gated_channels += inner;
    }
    return result;
}

inline void Plan::place() {
    for (int channel = 0; channel < widest; ++channel) every_channel.push_back(channel);
    scratch = round_up(scratch, LINE);
    arena = scratch;
    for (Buffer& buffer : buffers_) {
        const Geometry& size = buffer.geometry;
        if (buffer.role == FEATURES || buffer.role == MORE_FEATURES)
            sums = std::max(sums, static_cast<ptrdiff_t>(tiles_of(size.vectors())) * buffer.channels);
        buffer.origin = arena + size.lead();
        arena += size.plane() * buffer.channels + 2 * size.lead();
        buffer.mask = masks.size();
        for (int position = 0; position < size.vectors() * LANES; ++position)
            masks.push_back(position / size.row < size.height && position % size.row < size.width ? -1 : 0);
        masks.resize(round_up<size_t>(masks.size(), LINE));
    }
}

}  // namespace native
