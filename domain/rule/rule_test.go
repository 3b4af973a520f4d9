package rule_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/domain/rule"
)

func TestKinds(t *testing.T) {
	t.Parallel()
	kinds := []error{rule.ErrInvalid, rule.ErrRefused, rule.ErrNotFound}
	for i, err := range []error{rule.Invalid("x"), rule.Refused("x"), rule.NotFound("x")} {
		for j, kind := range kinds {
			require.Equal(t, i == j, errors.Is(fmt.Errorf("wrapped: %w", err), kind))
		}
	}
	one, other := rule.Invalid("x"), rule.Invalid("x")
	require.NotErrorIs(t, one, other, "rules are compared by identity")
}

func TestCheckReportsEveryFault(t *testing.T) {
	t.Parallel()
	foreign := errors.New("is foreign")
	require.NoError(t, rule.Check())
	require.NoError(t, rule.Check(nil, rule.At("name", nil), nil))

	err := rule.Check(nil, rule.At("name", rule.ErrBlank), nil, rule.At("lines[1].amount", foreign))
	require.EqualError(t, err, "name is empty: fill it in; lines[1].amount is foreign")
	require.ErrorIs(t, err, rule.ErrBlank)
	require.ErrorIs(t, err, foreign)
	require.ErrorIs(t, rule.Check(rule.At("x", foreign)), rule.ErrInvalid)
	var faults rule.FieldErrors
	require.ErrorAs(t, err, &faults)
	require.Equal(t, "lines[1].amount", faults[1].Field)
}

func TestText(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"x", " x ", "Bjørn 株式会社", strings.Repeat("ü", 10)} {
		require.Nil(t, rule.Text("name", good, 10))
	}
	for bad, want := range map[string]error{
		"": rule.ErrBlank, " \u00a0\u3000": rule.ErrBlank, "\u200b\u200b": rule.ErrBlank,
		"a\x00b": rule.ErrUnprintable, "a\nb": rule.ErrUnprintable, "a\xffb": rule.ErrUnprintable, strings.Repeat("ü", 11): rule.ErrTooLong,
	} {
		require.ErrorIs(t, rule.Text("name", bad, 10), want, "%q", bad)
	}
}

func TestMoment(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("east", 2*60*60)
	at := rule.Moment(time.Date(2021, 1, 31, 1, 2, 3, 456789999, zone))
	require.Equal(t, "2021-01-30T23:02:03.456789Z", at.Format(time.RFC3339Nano))

	require.Nil(t, rule.Time("at", at))
	for _, bad := range []time.Time{{}, time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)} {
		require.ErrorIs(t, rule.Time("at", bad), rule.ErrNoTime)
	}
}
