// What the tests of map.hpp know about memory: an operator new that fails on request, and objects that are counted.
#ifndef COUNT_H
#define COUNT_H

#include <cstddef>
#include <cstdint>

namespace count
{

// The next allocation of the program or of the map's library that fails; 0: none.
extern unsigned fail_at;
// Objects of class counted that live.
extern long living;
// Pieces of memory that the library has from its allocator.
extern long pieces;

// An object that notices a copy of its bytes: it points to itself. Its constructors throw on request.
class counted
{
	counted *self;

      public:
	int value;

	counted(int x = 0);
	counted(const counted &other);
	counted(counted &&other) noexcept;
	counted &operator=(const counted &other);
	~counted();
	bool operator==(const counted &other) const
	{
		return value == other.value;
	}
	// Ends the program when the object is not where it was made.
	void check() const;
};

// Returns a random number.
std::uint64_t draw();
void seed(std::uint64_t number);

} // namespace count

extern "C" {
struct tophash_hooks;
// Hooks with an allocator that counts and fails.
extern const struct tophash_hooks count_hooks;
}

#endif
