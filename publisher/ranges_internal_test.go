package publisher

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/contrail-events/contrail"
)

func TestRangesForgetWhatIsRemoved(t *testing.T) {
	t.Parallel()
	var set ranges
	for _, position := range []contrail.Position{3, 5, 8} {
		set.add(position, isMissing)
	}
	set.close()
	set.add(20, isMissing)
	require.Equal(t, []run{{3, 8, isMissing}, {20, 20, isMissing}}, set.runs)
	_, found := set.remove(2)
	require.False(t, found)
	_, found = set.remove(5)
	require.True(t, found)
	require.Equal(t, []run{{3, 4, isMissing}, {6, 8, isMissing}, {20, 20, isMissing}}, set.runs)
	_, found = set.remove(5)
	require.False(t, found)
}

// A set of ranges answers as a map does, whatever is put in and taken out.
func TestRangesAreASet(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var set ranges
		model := map[contrail.Position]absence{}
		next := contrail.Position(1)
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				why := absence(rapid.IntRange(0, int(absences)-1).Draw(t, "why"))
				set.add(next, why)
				model[next] = why
				next++
			},
			"close": func(*rapid.T) { // an event that is there
				set.close()
				next++
			},
			"remove": func(t *rapid.T) {
				position := contrail.Position(rapid.Int64Range(0, int64(next)).Draw(t, "position"))
				why, found := set.remove(position)
				want, wanted := model[position]
				require.Equal(t, wanted, found)
				require.Equal(t, want, why)
				delete(model, position)
			},
			"": func(t *rapid.T) {
				cut := contrail.Position(rapid.Int64Range(0, int64(next)).Draw(t, "cut"))
				before, after := set.below(cut)
				var want [2][]contrail.Position
				for _, position := range slices.Sorted(maps.Keys(model)) {
					if model[position] == isMissing && position < cut {
						want[0] = append(want[0], position)
					} else if model[position] == isMissing {
						want[1] = append(want[1], position)
					}
				}
				require.Equal(t, want, [2][]contrail.Position{before.positions(), after.positions()})
			},
		})
	})
}

func (b *bounds) positions() (positions []contrail.Position) {
	for i := range b.first {
		for position := b.first[i]; position <= b.last[i]; position++ {
			positions = append(positions, contrail.Position(position))
		}
	}
	return positions
}

// What fills long holes in order costs no time: half a million runs of one event each are taken out, first to last.
func TestRangesAreFilledInOrder(t *testing.T) {
	t.Parallel()
	const runs = 500_000
	var set ranges
	for i := range contrail.Position(runs) {
		set.add(2*i, isMissing)
		set.close()
	}
	for i := range contrail.Position(runs) {
		if _, found := set.remove(2 * i); !found {
			t.Fatalf("position %d is gone", 2*i)
		}
	}
	left, _ := set.below(2 * runs)
	require.Empty(t, left.first)
}
