package instrument_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"

	"github.com/contrail-events/contrail/internal/instrument"
	"github.com/contrail-events/contrail/internal/oteltest"
)

// What a span says of an error can be exported, whatever the error says.
func TestFail(t *testing.T) {
	t.Parallel()
	told := oteltest.New(t)
	for _, description := range []string{"not yet", "invalid \xff name", strings.Repeat("ä", 1<<20), "x" + strings.Repeat("ä", 1<<20)} {
		_, span := told.Tracer.Tracer("test").Start(t.Context(), "process")
		instrument.Fail(span, description)
		span.End()
	}
	spans := told.Spans("process")
	require.Len(t, spans, 4)
	for _, span := range spans {
		require.Equal(t, codes.Error, span.Status.Code)
		require.True(t, utf8.ValidString(span.Status.Description))
		require.Less(t, len(span.Status.Description), 5<<10)
	}
	require.Equal(t, "not yet", spans[0].Status.Description)
	require.Equal(t, "invalid \uFFFD name", spans[1].Status.Description)
}
