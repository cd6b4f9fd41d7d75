#include "count.h"

#include <cstdio>
#include <cstdlib>
#include <new>
#include <tophash/core.h>

namespace count
{

unsigned fail_at;
long living, pieces;
static std::uint64_t state = 1;

static bool fails()
{
	return fail_at && --fail_at == 0;
}

std::uint64_t draw()
{
	state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return state >> 33 ^ state >> 11;
}

void seed(std::uint64_t number)
{
	state = number;
}

counted::counted(int x) : self(this), value(x)
{
	if (fails())
		throw 7;
	living++;
}

counted::counted(const counted &other) : self(this), value(other.value)
{
	other.check();
	if (fails())
		throw 7;
	living++;
}

counted::counted(counted &&other) noexcept : self(this), value(other.value)
{
	other.check();
	living++;
}

counted &counted::operator=(const counted &other)
{
	check();
	other.check();
	value = other.value;
	return *this;
}

counted::~counted()
{
	check();
	self = nullptr;
	living--;
}

void counted::check() const
{
	if (self == this)
		return;
	std::fprintf(stderr, "an object is not where it was made, or has ended\n");
	std::abort();
}

} // namespace count

void *operator new(std::size_t size)
{
	void *ret = count::fails() ? nullptr : std::malloc(size ? size : 1);

	if (!ret)
		throw std::bad_alloc();
	return ret;
}

void operator delete(void *p) noexcept
{
	std::free(p);
}

void operator delete(void *p, std::size_t) noexcept
{
	std::free(p);
}

static void *hook_alloc(size_t size, void *)
{
	void *ret = count::fails() ? nullptr : std::malloc(size);

	count::pieces += ret != nullptr;
	return ret;
}

static void hook_free(void *p, size_t, void *)
{
	count::pieces -= p != nullptr;
	std::free(p);
}

const struct tophash_hooks count_hooks = {
	sizeof(count_hooks), nullptr, hook_alloc, hook_free, nullptr, nullptr, nullptr};
