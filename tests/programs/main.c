// SPDX-License-Identifier: Apache-2.0
// Calls a function as often as each line of its input says, and answers "done".  With LIBRARY, the function is looked
// up in that library when it is first needed.
#include <stdio.h>
#ifdef LIBRARY
#include <dlfcn.h>
#endif

#ifndef CALLED
#define CALLED work
#endif
#define TEXT(name) #name
#define NAME(name) TEXT(name)

extern int CALLED(int number);

int main(void)
{
	int (*function)(int) = NULL;
	int calls;

#ifndef LIBRARY
	function = CALLED;
#endif
	puts("ready");
	fflush(stdout);
	while (scanf("%d", &calls) == 1) {
#ifdef LIBRARY
		if (!function) {
			void *library = dlopen(LIBRARY, RTLD_NOW);

			function = library ? (int (*)(int))dlsym(library, NAME(CALLED)) : NULL;
			if (!function) {
				fputs(dlerror(), stderr);
				return 1;
			}
		}
#endif
		for (int i = 0; i < calls; i++)
			function(i);
		puts("done");
		fflush(stdout);
	}
	return 0;
}
