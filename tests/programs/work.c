// SPDX-License-Identifier: Apache-2.0
// What the tests of uprobes watch: built into a program or as a library, whole and stripped, old and new.
#include <stddef.h>

#define APART __attribute__((noinline, noipa))

int numbers[64] = {1};

APART int work(int number)
{
	__asm__ volatile("");
	return number + 1;
}

APART static int inner(int number)
{
	__asm__ volatile("");
	return number + 2;
}

// calls `inner`, which only the static symbol table knows
APART int outer(int number)
{
	return inner(number) + 1;
}

#ifdef VERSIONS
// `shared@OLD` is for programs linked long ago, `shared@@NEW` is what they get today
APART int shared_old(int number)
{
	return number + 3;
}

APART int shared_new(int number)
{
	return number + 4;
}

__asm__(".symver shared_old, shared@OLD");
__asm__(".symver shared_new, shared@@NEW");
#endif

#ifdef CHOICE
APART static int chosen_plain(int number)
{
	return number + 5;
}

static int (*choose(void))(int)
{
	return chosen_plain;
}

int chosen(int number) __attribute__((ifunc("choose")));
#endif
