/* boost::unordered_flat_map (1.81 and later). */
#include <boost/container_hash/hash.hpp>
#include <boost/unordered/unordered_flat_map.hpp>

#include "std_like.h"

using Hash = PEER_HASH(boost::hash<bench_key>, std::string_view, boost::hash<std::string_view>);
using Table = StdLike<boost::unordered_flat_map<bench_key, bench_val, Hash, SameKey>>;

BENCH_PEER(Table)
