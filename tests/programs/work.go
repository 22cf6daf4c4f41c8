// SPDX-License-Identifier: Apache-2.0

// Calls main.work as often as each line of its input says, and answers "done".
package main

import "fmt"

//go:noinline
func work(number int) int { return number + 1 }

type worker struct{ number int }

//go:noinline
func (w *worker) Work() { w.number++ }

func main() {
	fmt.Println("ready")
	var calls int
	for own := (&worker{}); ; {
		if _, err := fmt.Scan(&calls); err != nil {
			return
		}
		for i := 0; i < calls; i++ {
			own.number += work(i)
			own.Work()
		}
		fmt.Println("done")
	}
}
