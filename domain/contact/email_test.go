package contact_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/rule"
)

func create(email string) error {
	_, err := contact.Decide(contact.State{}, contact.Create{
		ID: "c1", OrganisationID: "o1", Details: contact.Details{FirstName: "a", LastName: "b", Email: email},
	})
	return err
}

// emailOf is a well-formed address of so many bytes.
func emailOf(size int) string {
	const local, label, top = "a@", "dddddddd.", "com"
	rest := size - len(local) - len(top)
	return local + strings.Repeat(label, rest/len(label)-1) + strings.Repeat("d", len(label)-1+rest%len(label)) + "." + top
}

func TestEmail(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"a@b.co", "bjorn.hansen@yahoo.no", "daan_peeters@apple.be", "o'neil+tag@sub.example.co.uk", "jürgen@bücher.example", "x@1-2.example",
		"用户@例え.jp", strings.Repeat("l", 64) + "@example.com", "a@" + strings.Repeat("d", 63) + ".com", "`{|}~!#$%&*/=?^-@example.com",
		"a@xn--bcher-kva.xn--p1ai", "cafe\u0301@example.com", emailOf(contact.MaxEmailBytes),
	} {
		require.NoError(t, create(good), good)
	}
	for _, bad := range []string{
		"a", "@b.co", "a@", "a@b", "a@@b.co", "a@b@c.co", "a b@c.co", " a@b.co", "a@b.co ", ".a@b.co", "a.@b.co", "a..b@c.co", "a@.b.co", "a@b.co.",
		"a@b..co", "a@-b.co", "a@b-.co", `"a b"@c.co`, "a@[127.0.0.1]", "A <a@b.co>", "a@b.co,c@d.co", "a\\@b.co", "a@b_c.co",
		"a@127.0.0.12", "a@b.c1-", "a@b.12", "a@b.c", "mailto:a@b.co", "a@b\uff0eco", "a\u200b@b.co", "a\u3164@b.co", "a\u202e@b.co", "a@b\u034f.co",
		"a@" + strings.Repeat("d", 64) + ".com",
	} {
		require.ErrorIs(t, create(bad), contact.ErrEmail, "%q", bad)
	}
	for _, long := range []string{emailOf(contact.MaxEmailBytes + 1), strings.Repeat("l", 65) + "@example.com", strings.Repeat("ü", 33) + "@example.com"} {
		require.ErrorIs(t, create(long), rule.ErrTooLong, "%q", long)
	}
	require.ErrorContains(t, create("ab@"+strings.Repeat("ü.", 83)+"com"), "it has 255 bytes, 254 are allowed", "characters are fewer than bytes")
	require.ErrorIs(t, create("a@b.co\r\nBcc: c@d.co"), rule.ErrUnprintable)
}

// FuzzEmail: nothing that is accepted could be read as another header, as several addresses or as one without a host.
func FuzzEmail(f *testing.F) {
	for _, seed := range []string{"a@b.co", "用户@例え.jp", "a@127.0.0.12", "a\r\n@b.co", "a@b@c.co", "\xff@b.co", "a\u3164@b.co", emailOf(255), ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, email string) {
		err := create(email)
		if err != nil {
			require.ErrorIs(t, err, rule.ErrInvalid)
			return
		}
		require.LessOrEqual(t, len(email), contact.MaxEmailBytes)
		require.NotContains(t, email, "..")
		require.False(t, strings.ContainsAny(email, " \t\r\n\x00<>()[]\\,;:\""), "%q", email)
		local, host, found := strings.Cut(email, "@")
		require.True(t, found && local != "" && strings.Count(email, "@") == 1 && strings.Contains(host, "."), "%q", email)
	})
}
