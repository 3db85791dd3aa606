// Chunks of a dataset, read past HDF5: each is summed up while it is in the cache, then copied.
// The checksum is that of rhocast.checksums.sum_of.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/array.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <vector>

namespace nb = nanobind;

namespace rhocast {
namespace {

using Triple = std::array<std::int64_t, 3>;
using Places = nb::ndarray<const std::int64_t, nb::ndim<3>, nb::c_contig, nb::device::cpu>;
using Sums = nb::ndarray<const std::uint32_t, nb::ndim<3>, nb::c_contig, nb::device::cpu>;
using Bytes = nb::ndarray<std::uint8_t, nb::ndim<3>, nb::c_contig, nb::device::cpu>;

constexpr std::int64_t COLUMNS = 251;

// CRC-32 of zlib, eight bytes at a time: TABLES[n][b] is that of the byte b before n zeros.
using Tables = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr Tables make_tables() {
  Tables tables{};
  for (std::uint32_t b = 0; b < 256; ++b) {
    std::uint32_t crc = b;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    tables[0][b] = crc;
  }
  for (int n = 1; n < 8; ++n)
    for (int b = 0; b < 256; ++b)
      tables[n][b] = tables[n - 1][b] >> 8 ^ tables[0][tables[n - 1][b] & 255];
  return tables;
}

constexpr Tables TABLES = make_tables();

std::uint32_t crc32(const std::uint8_t* data, std::int64_t bytes, std::uint32_t start) {
  std::uint32_t crc = ~start;
  for (; bytes >= 8; bytes -= 8, data += 8) {
    std::uint32_t next = 0;
    for (int n = 0; n < 8; ++n)
      next ^= TABLES[7 - n][data[n] ^ (n < 4 ? crc >> 8 * n & 255 : 0)];
    crc = next;
  }
  for (; bytes > 0; --bytes, ++data) crc = crc >> 8 ^ TABLES[0][(crc ^ *data) & 255];
  return ~crc;
}

std::uint32_t sum_of(const std::uint64_t* words, std::int64_t bytes) {
  std::uint64_t columns[COLUMNS] = {};
  const std::int64_t rows = bytes / (8 * COLUMNS);
  std::int64_t row = 0;
  for (; row + 4 <= rows; row += 4) {
    const std::uint64_t* w = words + row * COLUMNS;
    for (int c = 0; c < COLUMNS; ++c)
      columns[c] += w[c] + w[c + COLUMNS] + w[c + 2 * COLUMNS] + w[c + 3 * COLUMNS];
  }
  for (; row < rows; ++row)
    for (int c = 0; c < COLUMNS; ++c) columns[c] += words[row * COLUMNS + c];
  const auto of_columns =
      crc32(reinterpret_cast<const std::uint8_t*>(columns), sizeof columns, 0);
  const auto* rest = reinterpret_cast<const std::uint8_t*>(words + rows * COLUMNS);
  return crc32(rest, bytes - 8 * COLUMNS * rows, of_columns);
}

bool read_bytes(int file, std::uint8_t* to, std::int64_t bytes, std::int64_t place) {
  while (bytes > 0) {
    const auto read = pread(file, to, bytes, place);
    if (read < 0 && errno == EINTR) continue;
    if (read <= 0) return false;
    to += read, place += read, bytes -= read;
  }
  return true;
}

// Read a box of a dataset of three axes into `out` (x, y, bytes along z); false if a chunk that it
// touches is damaged. places, sums: of all chunks; chunk: numbers along each axis, of `size` bytes.
bool read_box(int file, const Places& places, const Sums& sums, Triple chunk, std::int64_t size,
              Triple start, const Bytes& out) {
  Triple first, last, stop;
  for (int a = 0; a < 3; ++a) {
    stop[a] = start[a] + static_cast<std::int64_t>(out.shape(a)) / (a == 2 ? size : 1);
    first[a] = start[a] / chunk[a];
    last[a] = (stop[a] - 1) / chunk[a];
    if (start[a] < 0 || stop[a] <= start[a] || last[a] >= std::int64_t(places.shape(a)) ||
        places.shape(a) != sums.shape(a))
      throw std::invalid_argument("the box is empty or not within the chunks");
  }
  const std::int64_t bytes = chunk[0] * chunk[1] * chunk[2] * size;
  std::vector<std::uint64_t> words((bytes + 7) / 8);
  auto* data = reinterpret_cast<std::uint8_t*>(words.data());
  nb::gil_scoped_release release;
  for (std::int64_t i = first[0]; i <= last[0]; ++i)
    for (std::int64_t j = first[1]; j <= last[1]; ++j)
      for (std::int64_t k = first[2]; k <= last[2]; ++k) {
        const std::int64_t place = places(i, j, k);
        if (place < 0 || !read_bytes(file, data, bytes, place))
          throw std::runtime_error("a chunk is not in the file");
        if (sum_of(words.data(), bytes) != sums(i, j, k)) return false;
        const Triple corner{i * chunk[0], j * chunk[1], k * chunk[2]};
        Triple low, high;
        for (int a = 0; a < 3; ++a) {
          low[a] = std::max(start[a], corner[a]);
          high[a] = std::min(stop[a], corner[a] + chunk[a]);
        }
        for (std::int64_t x = low[0]; x < high[0]; ++x)
          for (std::int64_t y = low[1]; y < high[1]; ++y) {
            const std::int64_t row = (x - corner[0]) * chunk[1] + y - corner[1];
            std::memcpy(&out(x - start[0], y - start[1], (low[2] - start[2]) * size),
                        data + (row * chunk[2] + low[2] - corner[2]) * size,
                        (high[2] - low[2]) * size);
          }
      }
  return true;
}

}  // namespace
}  // namespace rhocast

NB_MODULE(_chunks, m) {
  m.def("read_box", &rhocast::read_box, nb::arg("file"), nb::arg("places"), nb::arg("sums"),
        nb::arg("chunk"), nb::arg("size"), nb::arg("start"), nb::arg("out"));
}
