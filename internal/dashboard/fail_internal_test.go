package dashboard

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A text becomes a sentence; what begins with a name keeps it.
func TestSentence(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                        "",
		"no relay leads":          "No relay leads.",
		"is it so?":               "Is it so?",
		"älter als eine Stunde":   "Älter als eine Stunde.",
		"full_page_writes is off": "full_page_writes is off.",
		"nats-server 2.15.2":      "nats-server 2.15.2.",
		"contrail relays list":    "contrail relays list.",
	} {
		require.Equal(t, want, sentence(text))
	}
}
