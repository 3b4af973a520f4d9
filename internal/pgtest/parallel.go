package pgtest

import (
	"flag"
	"runtime"
	"strconv"
)

// sideBySide is how many tests run at a time of which most wait for servers.
const sideBySide = 6

// WaitTogether lets more tests run side by side than there are processors, unless somebody has said how many: most of their time they wait for
// servers. It is for a TestMain.
func WaitTogether() {
	flag.Parse()
	if given := flag.Lookup("test.parallel"); given.Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		_ = given.Value.Set(strconv.Itoa(sideBySide)) // a number is what it takes
	}
}
