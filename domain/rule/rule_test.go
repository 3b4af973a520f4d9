package rule_test

import (
	"encoding/json"
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
	for _, good := range []string{
		"x", " x ", "Bjørn 株式会社", strings.Repeat("ü", 10), "👩\u200d👧", "می\u200cخواهم", "\u3164x", "\u200bx", "-",
	} {
		require.Nil(t, rule.Text("name", good, 10), "%q", good)
	}
	for _, test := range []struct {
		rule error
		bad  []string
	}{
		{rule.ErrBlank, []string{
			"", " ", " \u00a0\u3000\u2003", "\u200b\u200b", "\ufeff", "\u2800", "\u3164", "\u115f\u1160", "\uffa0", "\u034f", "\ufe0f", "\u00ad", "\U000e0001",
		}},
		{rule.ErrUnprintable, []string{
			"a\x00b", "\x00", "a\nb", "a\r", "\t", "a\u0085b", "a\x7f", "a\u2028b", "\u2029", "a\xffb", "\xed\xa0\x80",
		}},
		{rule.ErrTooLong, []string{strings.Repeat("ü", 11), strings.Repeat("x", 1_000_000)}},
	} {
		for _, bad := range test.bad {
			fault := rule.Text("name", bad, 10)
			require.ErrorIs(t, fault, test.rule, "%.20q", bad)
			require.ErrorIs(t, fault, rule.ErrInvalid)
			require.Less(t, len(fault.Error()), 200)
		}
	}
	require.EqualError(t, rule.Text("name", "üüü", 2), "name is too long: shorten it (it has 3 characters, 2 are allowed)")
}

func TestID(t *testing.T) {
	t.Parallel()
	require.Nil(t, rule.ID("id", strings.Repeat("x", rule.MaxIDLength)))
	require.ErrorIs(t, rule.ID("id", strings.Repeat("x", rule.MaxIDLength+1)), rule.ErrTooLong)
	require.ErrorIs(t, rule.ID("id", ""), rule.ErrBlank)
}

// FuzzText: what is accepted can be seen, stands on one line, is no longer than allowed, and survives JSON.
func FuzzText(f *testing.F) {
	for _, seed := range []string{"x", "", "\u3164", "a\u2028b", "a\xffb", "Bjørn", strings.Repeat("ü", 31)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		fault := rule.Text("name", value, 30)
		if fault != nil {
			require.ErrorIs(t, fault, rule.ErrInvalid)
			return
		}
		require.Len(t, strings.FieldsFunc(value, isLineBreak), 1)
		require.NotEmpty(t, strings.TrimSpace(value))
		require.LessOrEqual(t, len([]rune(value)), 30)
		text, err := json.Marshal(value)
		require.NoError(t, err)
		var back string
		require.NoError(t, json.Unmarshal(text, &back))
		require.Equal(t, value, back)
	})
}

func isLineBreak(r rune) bool { return strings.ContainsRune("\n\v\f\r\u0085\u2028\u2029", r) }

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
