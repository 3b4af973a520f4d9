package mail_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/invoicing/mail"
)

func TestParseSMTP(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]mail.SMTPConfig{
		"smtp://mail.example.org":                  {Host: "mail.example.org"},
		"smtp://app:p%40ss@mail.example.org:2525/": {Host: "mail.example.org", Port: 2525, User: "app", Password: "p@ss"},
		"smtps://app%40example.org:hunter2@[::1]":  {Host: "::1", TLS: true, User: "app@example.org", Password: "hunter2"},
		"smtps://app:hunter2@mail.example.org:465": {Host: "mail.example.org", Port: 465, TLS: true, User: "app", Password: "hunter2"},
	} {
		config, err := mail.ParseSMTP(text)
		require.NoError(t, err, text)
		require.Equal(t, want, config, text)
	}
	for text, want := range map[string]string{
		"":                                      `it begins with "", and not with smtp:// or smtps://`,
		"mail.example.org:25":                   `it begins with "mail.example.org"`,
		"http://app:hunter2@mail.example.org":   `it begins with "http"`,
		"smtp://app:hunter2@":                   "Host is required",
		"smtp://app:hunter2@mail.example.org/x": "there is something behind the host",
		"smtp://mail.example.org?tls=off":       "there is something behind the host",
		"smtp://app:hunt%er2@mail.example.org":  "it is no URL; write it as smtp://user:password@host:587",
		"smtp://mail.example.org:0":             "",
		"smtp://mail.example.org:65536":         "Port: 65536 is not between 1 and 65535",
		"smtp://:hunter2@mail.example.org":      "Password is given without a User",
	} {
		_, err := mail.ParseSMTP(text)
		if want == "" {
			require.NoError(t, err, text)
			continue
		}
		require.ErrorContains(t, err, want, text)
		require.NotContains(t, err.Error(), "hunt")
	}
}

// All faults are told at once.
func TestSMTPConfigFaults(t *testing.T) {
	t.Parallel()
	_, err := mail.NewSMTP(mail.SMTPConfig{Port: -1, Password: "hunter2", Timeout: -time.Second})
	for _, want := range []string{"mail.SMTPConfig: ", "Host is required", "Port: -1", "Password is given without a User", "Timeout: -1s"} {
		require.ErrorContains(t, err, want)
	}
	require.NotContains(t, err.Error(), "hunter2")
}
