package main

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/publisher/parked"
)

// The flags take every state and every reason there is, and each reason is explained.
func TestParkedFlagsKnowAll(t *testing.T) {
	t.Parallel()
	var states, reasons []string
	for _, state := range parked.States() {
		states = append(states, string(state))
	}
	for _, reason := range parked.Reasons() {
		reasons = append(reasons, string(reason))
		require.NotEqual(t, parked.Reason("another").Meaning(), reason.Meaning())
	}
	for flag, all := range map[string][]string{"State": states, "Reason": reasons} {
		field, _ := reflect.TypeFor[parkedFilter]().FieldByName(flag)
		require.Equal(t, strings.Join(all, ","), field.Tag.Get("enum"))
	}
}
