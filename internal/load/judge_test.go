package load_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/contrail-events/contrail/internal/load"
)

func ExampleJudge() {
	judge := load.NewJudge(1)
	judge.Appended(0, 4)
	for _, version := range []int64{1, 3, 3, 2} {
		judge.Arrived(0, version)
	}
	fmt.Printf("%+v\n", judge.Findings())
	// Output: {Arrived:3 Missing:0 Behind:1 Doubled:1 OutOfOrder:1}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	for name, given := range map[string]struct {
		appended int64
		arrivals []int64
		want     load.Findings
	}{
		"nothing":                   {0, nil, load.Findings{}},
		"all in order":              {3, []int64{1, 2, 3}, load.Findings{Arrived: 3}},
		"none arrived":              {3, nil, load.Findings{Behind: 3}},
		"the last is lost":          {3, []int64{1, 2}, load.Findings{Arrived: 2, Behind: 1}},
		"the first is lost":         {3, []int64{2, 3}, load.Findings{Arrived: 2, Missing: 1}},
		"two in between are lost":   {5, []int64{1, 4, 5}, load.Findings{Arrived: 3, Missing: 2}},
		"doubled at once":           {2, []int64{1, 1, 2}, load.Findings{Arrived: 2, Doubled: 1}},
		"doubled later":             {3, []int64{1, 2, 3, 1}, load.Findings{Arrived: 3, Doubled: 1}},
		"swapped":                   {3, []int64{1, 3, 2}, load.Findings{Arrived: 3, OutOfOrder: 1}},
		"backwards":                 {3, []int64{3, 2, 1}, load.Findings{Arrived: 3, OutOfOrder: 2}},
		"late, and doubled then":    {3, []int64{1, 3, 2, 2}, load.Findings{Arrived: 3, OutOfOrder: 1, Doubled: 1}},
		"all three faults":          {6, []int64{2, 1, 4, 4, 6}, load.Findings{Arrived: 4, Missing: 2, Doubled: 1, OutOfOrder: 1}},
		"before the commit is told": {0, []int64{1, 2}, load.Findings{Arrived: 2}},
		"the middle of a gap":       {9, []int64{9, 5}, load.Findings{Arrived: 2, Missing: 7, OutOfOrder: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			judge := load.NewJudge(2)
			judge.Appended(1, given.appended)
			for _, version := range given.arrivals {
				judge.Arrived(1, version)
			}
			require.Equal(t, given.want, judge.Findings())
		})
	}
}

// However events of several streams arrive, the judge finds what one finds that remembers them all.
func TestJudgeAgainstOneThatRemembersAll(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const streams, versions = 3, 12
		judge := load.NewJudge(streams)
		seen := map[[2]int64]bool{}
		var newest [streams]int64
		var want load.Findings
		for range rapid.IntRange(0, 60).Draw(t, "arrivals") {
			stream := rapid.IntRange(0, streams-1).Draw(t, "stream")
			version := rapid.Int64Range(1, versions).Draw(t, "version")
			key := [2]int64{int64(stream), version}
			switch {
			case seen[key]:
				want.Doubled++
			case version < newest[stream]:
				want.OutOfOrder++
			}
			require.Equal(t, !seen[key], judge.Arrived(stream, version))
			seen[key] = true
			newest[stream] = max(newest[stream], version)
		}
		want.Arrived = int64(len(seen))
		for stream := range streams {
			judge.Appended(stream, versions)
			for version := int64(1); version <= versions; version++ {
				switch {
				case seen[[2]int64{int64(stream), version}]:
				case version < newest[stream]:
					want.Missing++
				default:
					want.Behind++
				}
			}
		}
		require.Equal(t, want, judge.Findings())
	})
}

// Gaps that can't be remembered any more are still gaps.
func TestJudgeNeverAcquitsWhatItForgot(t *testing.T) {
	t.Parallel()
	const many = 30_000
	judge := load.NewJudge(1)
	for version := int64(2); version <= 2*many; version += 2 {
		judge.Arrived(0, version)
	}
	require.Equal(t, load.Findings{Arrived: many, Missing: many}, judge.Findings())
	require.False(t, judge.Arrived(0, 2*many-1), "forgotten")
	require.Equal(t, load.Findings{Arrived: many, Missing: many, Doubled: 1}, judge.Findings())
	require.True(t, judge.Arrived(0, 1), "remembered")
}
