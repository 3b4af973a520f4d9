package contact_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/domain/contact"
)

func create(email string) error {
	_, err := contact.Decide(contact.State{}, contact.Create{
		ID: "c1", OrganisationID: "o1", Details: contact.Details{FirstName: "a", LastName: "b", Email: email},
	})
	return err
}

func TestEmail(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"a@b.co", "bjorn.hansen@yahoo.no", "daan_peeters@apple.be", "o'neil+tag@sub.example.co.uk", "jürgen@bücher.example", "x@1-2.example",
		"用户@例え.jp", strings.Repeat("l", 64) + "@example.com", "a@" + strings.Repeat("d", 63) + ".com", "`{|}~!#$%&*/=?^-@example.com",
	} {
		require.NoError(t, create(good), good)
	}
	for _, bad := range []string{
		"a", "@b.co", "a@", "a@b", "a@@b.co", "a@b@c.co", "a b@c.co", " a@b.co", "a@b.co ", ".a@b.co", "a.@b.co", "a..b@c.co", "a@.b.co", "a@b.co.",
		"a@b..co", "a@-b.co", "a@b-.co", `"a b"@c.co`, "a@[127.0.0.1]", "A <a@b.co>", "a@b.co,c@d.co", "a\\@b.co", "a@b_c.co",
		strings.Repeat("l", 65) + "@example.com", "a@" + strings.Repeat("d", 64) + ".com", "a@" + strings.Repeat("ü.", 130) + "com",
		"a@" + strings.Repeat("ü", 30) + strings.Repeat("."+strings.Repeat("ü", 30), 4) + ".com",
	} {
		require.Error(t, create(bad), bad)
	}
	require.ErrorIs(t, create("a@b"), contact.ErrEmail)
}
