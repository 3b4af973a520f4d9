package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/picture"
	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/subscribers/projections"
	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

// pageOf is a picture with so many consumers, projections and problems.
func pageOf(consumers, projected, problems, width int) statusPage {
	p := picture.Picture{At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Store: &publisher.Status{Stream: "EVENTS", Position: 1234567}}
	for n := range consumers {
		p.Subscriptions = append(p.Subscriptions, subscriptions.Subscription{Durable: fmt.Sprintf("consumer-%d", n), Lag: 12, Waiting: 1})
	}
	for n := range projected {
		p.Projections = append(p.Projections, picture.Projection{Projection: projections.Projection{Name: fmt.Sprintf("projection-%d", n)}})
	}
	for n := range problems {
		p.Problems = append(p.Problems, picture.Problem{
			Severity: picture.Warning, What: fmt.Sprintf("problem %d is one that takes some words to tell, as most do", n), Do: "take some more words to mend it, which wraps",
		})
	}
	return statusPage{app: &app{stdout: &strings.Builder{}}, picture: p, width: width}
}

// What there are few of fits 80×24, all of it.
func TestStatusFitsAScreen(t *testing.T) {
	t.Parallel()
	lines := pageOf(3, 2, 2, 80).lines(24)
	require.LessOrEqual(t, len(lines), 23)
	require.NotContains(t, strings.Join(lines, "\n"), "more; contrail")
	for _, line := range lines {
		require.LessOrEqual(t, columnsOf(line), 80)
	}
	require.Contains(t, strings.Join(lines, "\n"), "mend it, which wraps")
}

// What does not fit is left out, the longest lists first, and how much that is is told.
func TestStatusIsCut(t *testing.T) {
	t.Parallel()
	for _, height := range []int{24, 40, 60} {
		lines := pageOf(30, 20, 10, 80).lines(height)
		text := strings.Join(lines, "\n")
		require.LessOrEqual(t, len(lines), height-1)
		require.GreaterOrEqual(t, len(lines), height-3, "the screen is used")
		for _, shown := range []string{"consumer-0 ", "projection-0 ", "problem 0", "more; contrail subscriptions list"} {
			require.Contains(t, text, shown, height)
		}
		left := 0
		for _, line := range lines {
			var more int
			if _, err := fmt.Sscanf(line, "and %d more;", &more); err == nil {
				left += more
			}
		}
		shown := strings.Count(text, "consumer-") + strings.Count(text, "projection-") + strings.Count(text, "problem ")
		require.Equal(t, 60, shown+left, height)
	}
}

// Where nothing bounds the screen all is there, uncut; where everything does, one of each is.
func TestStatusAtTheExtremes(t *testing.T) {
	t.Parallel()
	text := strings.Join(pageOf(300, 200, 100, 0).lines(0), "\n")
	require.Contains(t, text, "consumer-299 ")
	require.Contains(t, text, "problem 99 is one that takes some words to tell, as most do: take some more words to mend it, which wraps")
	require.NotContains(t, text, "…")

	lines := pageOf(300, 200, 100, 10).lines(5)
	require.Contains(t, strings.Join(lines, "\n"), "and 299 m…")
	for _, line := range lines {
		require.LessOrEqual(t, columnsOf(line), 10)
	}
}

// What waits for a person is told in words that go with the number.
func TestStatusTellsWhatWaits(t *testing.T) {
	t.Parallel()
	for _, one := range []struct {
		held picture.Count
		want string
	}{
		{picture.Count{N: 1}, "1 held delivery"},
		{picture.Count{N: 2}, "2 held deliveries"},
		{picture.Count{N: 10_000, AtLeast: true}, "10,000+ held deliveries"},
	} {
		page := pageOf(0, 0, 0, 0)
		page.picture.Deliveries = []picture.Ledger{{Consumer: "mail", Held: one.held}}
		require.Contains(t, page.lines(0), "for you    "+one.want)
	}
}
