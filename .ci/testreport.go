//go:build ignore

// Testreport reads what `go test -json` writes and prints it as `go test` would: one line a package, and everything that a failed test
// had to say. It exits 1 when a package that has tests ran none of them, or skipped all of them, and when anything failed: a run is
// green only if something was tested.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// event is one line of `go test -json`; see `go doc test2json`.
type event struct {
	Action, Package, Test, Output string
}

// report is what has been read so far.
type report struct {
	output map[[2]string][]string // by package and test, until the test is over; a test's name is empty for its package
	passed map[string]int         // tests and examples that ran and passed, by package
	tests  int
	failed bool
	idle   []string // packages that passed without a test
}

func main() {
	r := &report{output: map[[2]string][]string{}, passed: map[string]int{}}
	if err := r.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "testreport:", err)
		os.Exit(1)
	}
	if !r.verdict() {
		os.Exit(1)
	}
}

func (r *report) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) == nil && e.Action != "" {
				r.add(e)
			} else { // not from a test: go's own complaint
				fmt.Printf("%s", line)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the test events: %w", err)
		}
	}
}

func (r *report) add(e event) {
	key := [2]string{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		fmt.Print(e.Output)
	case "build-fail":
		r.failed = true
	case "output":
		r.output[key] = append(r.output[key], e.Output)
	case "pass", "fail", "skip":
		r.end(key, e.Action)
	}
}

// end closes a test or a package: a failure is printed in full, a package that did not fail with its closing line only.
func (r *report) end(key [2]string, action string) {
	lines := r.output[key]
	delete(r.output, key)

	isPackage := key[1] == ""
	switch {
	case action == "fail":
		r.failed = true
	case isPackage && action == "pass" && r.passed[key[0]] == 0:
		r.idle = append(r.idle, key[0])
		lines = lines[max(0, len(lines)-1):]
	case isPackage:
		lines = lines[max(0, len(lines)-1):]
	default:
		lines = nil
	}
	if !isPackage && action == "pass" {
		r.passed[key[0]]++
		r.tests++
	}
	for _, line := range lines {
		fmt.Print(line)
	}
}

// verdict prints the totals and says whether the run is good.
func (r *report) verdict() bool {
	for key, lines := range r.output { // a test that was cut off, by a panic or a time-out
		if r.failed && key[1] != "" {
			for _, line := range lines {
				fmt.Print(line)
			}
		}
	}
	slices.Sort(r.idle)
	for _, name := range r.idle {
		fmt.Printf("FAIL\t%s: has tests, and none of them ran and passed\n", name)
	}
	fmt.Printf("%d tests passed in %d packages\n", r.tests, len(r.passed))
	return !r.failed && len(r.idle) == 0 && r.tests > 0
}
