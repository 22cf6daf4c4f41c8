// SPDX-License-Identifier: Apache-2.0
// A program with USDT markers, as sys/sdt.h makes them: each line that it reads makes it pass each marker, and it answers
// with the semaphore's value.  tests/usdt_program.py compiles it.
#include <stdio.h>

#define MARK(provider, name, semaphore, arguments, ...)                                            \
	__asm__ volatile("990: nop\n"                                                              \
			 ".pushsection .note.stapsdt,\"\",\"note\"\n"                              \
			 ".balign 4\n"                                                             \
			 ".4byte 992f-991f, 994f-993f, 3\n"                                        \
			 "991: .asciz \"stapsdt\"\n"                                               \
			 "992: .balign 4\n"                                                        \
			 "993: .8byte 990b\n"                                                      \
			 ".8byte _.stapsdt.base\n"                                                 \
			 ".8byte " semaphore "\n"                                                  \
			 ".asciz \"" provider "\"\n"                                               \
			 ".asciz \"" name "\"\n"                                                   \
			 ".asciz \"" arguments "\"\n"                                              \
			 "994: .balign 4\n"                                                        \
			 ".popsection\n"                                                           \
			 ".ifndef _.stapsdt.base\n"                                                \
			 ".pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n"   \
			 ".weak _.stapsdt.base\n"                                                  \
			 ".hidden _.stapsdt.base\n"                                                \
			 "_.stapsdt.base: .space 1\n"                                              \
			 ".size _.stapsdt.base, 1\n"                                               \
			 ".popsection\n"                                                           \
			 ".endif\n"                                                                \
			 :                                                                         \
			 : __VA_ARGS__                                                             \
			 : "memory")

unsigned short demo_watched_semaphore __attribute__((section(".probes"), used));

__attribute__((noinline)) void first_place(void)
{
	MARK("demo", "plain", "0", "");
}

__attribute__((noinline)) void second_place(void)
{
	MARK("demo", "plain", "0", "");
}

__attribute__((noinline)) void watched(int line, unsigned char *memory)
{
	MARK("demo", "watched", "demo_watched_semaphore", "-4@%0 8@%1 1@%2 -4@%3", "r"(line), "r"((long)line << 32),
	     "m"(*memory), "i"(-9));
}

__attribute__((noinline)) void strange(void)
{
	MARK("demo", "strange", "0", "8@nowhere(%%rip)", "r"(0));
}

int main(void)
{
	unsigned char memory = 0xf7;
	char text[64];
	int line = -1;

	while (fgets(text, sizeof(text), stdin)) {
		first_place();
		second_place();
		watched(line--, &memory);
		strange();
		printf("%d\n", demo_watched_semaphore);
		fflush(stdout);
	}
	return 0;
}
