/* emhash8: a dense array of entries, with a separate index of chains. Its own hash is std::hash. */
#include "hash_table8.hpp"

#include "std_like.h"

using Hash = PEER_HASH(std::hash<bench_key>, std::string_view, std::hash<std::string_view>);
using Table = StdLikeIndexed<emhash8::HashMap<bench_key, bench_val, Hash, SameKey>>;

BENCH_PEER(Table)
