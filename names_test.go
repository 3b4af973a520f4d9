package contrail_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/contrail-events/contrail"
)

func TestParseStreamIDSplitsAtTheFirstDash(t *testing.T) {
	t.Parallel()
	stream, err := contrail.ParseStreamID("invoice-2026-42")
	require.NoError(t, err)
	require.Equal(t, "invoice", stream.Category())
	require.Equal(t, "2026-42", stream.ID())
	require.Equal(t, "invoice-2026-42", stream.String())
	for _, bad := range []string{"", "-", "a", "a-", "-a", "a.b-1", "a-b c", "a-\u00A0", "a-\u200B", "a-*", "a->", "a-\xff", strings.Repeat("a", 200) + "-1"} {
		_, err := contrail.ParseStreamID(bad)
		require.ErrorIs(t, err, contrail.ErrInvalid, "%q", bad)
	}
	require.Empty(t, contrail.StreamID{}.String())
	require.True(t, contrail.StreamID{}.IsZero())
}

func TestStreamIDAsText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		stream := contrail.NewStreamID(rapid.StringMatching(`[A-Za-z0-9_]{1,20}`).Draw(t, "category"), rapid.StringMatching(`[A-Za-z0-9_é漢-]{1,20}`).Draw(t, "id"))
		require.NoError(t, stream.Validate())
		text, err := stream.MarshalText()
		require.NoError(t, err)
		var again contrail.StreamID
		require.NoError(t, again.UnmarshalText(text))
		require.Equal(t, stream, again)
	})
}

func TestInvalidErrorIsShortAndPrintable(t *testing.T) {
	t.Parallel()
	err := contrail.NewStreamID("a", strings.Repeat("é\xff\n", 1000)).Validate()
	require.Less(t, len(err.Error()), 500)
	require.NotContains(t, err.Error(), "\n")
}

func TestMetadataWithCopies(t *testing.T) {
	t.Parallel()
	first := contrail.Metadata{"tenant_id": "acme"}
	second := first.With("user_id", "7")
	require.Equal(t, contrail.Metadata{"tenant_id": "acme"}, first)
	require.Equal(t, contrail.Metadata{"tenant_id": "acme", "user_id": "7"}, second)
	require.Equal(t, contrail.Metadata{"a": "b"}, contrail.Metadata(nil).With("a", "b"))
}

type carrier struct{}

func (carrier) EventType() string { return "Carried" }
func (carrier) EventMetadata() contrail.Metadata {
	return contrail.Metadata{"draftedon": "2026-11-21"}
}

func TestNewEventTakesThePayloadsMetadataAlong(t *testing.T) {
	t.Parallel()
	require.Equal(t, contrail.Metadata{"draftedon": "2026-11-21"}, contrail.NewEvent(carrier{}).Metadata)
}

func TestVerdictsSurviveWrapping(t *testing.T) {
	t.Parallel()
	cause := errors.New("no such account")
	permanent := fmt.Errorf("handle: %w", contrail.Permanent(cause))
	require.True(t, contrail.IsPermanent(permanent))
	require.ErrorIs(t, permanent, cause)
	require.False(t, contrail.IsPermanent(cause))
	require.NoError(t, contrail.Permanent(nil))

	delay, ok := contrail.RetryDelay(fmt.Errorf("handle: %w", contrail.RetryAfter(time.Minute, cause)))
	require.True(t, ok)
	require.Equal(t, time.Minute, delay)
	_, ok = contrail.RetryDelay(cause)
	require.False(t, ok)
	require.NoError(t, contrail.RetryAfter(time.Minute, nil))

	reason, ok := contrail.SkipReason(fmt.Errorf("handle: %w", contrail.Skip("not ours")))
	require.True(t, ok)
	require.Equal(t, "not ours", reason)
	_, ok = contrail.SkipReason(nil)
	require.False(t, ok)
}
