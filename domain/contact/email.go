package contact

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/contrail-events/contrail/domain/rule"
)

// Sizes of an e-mail address, from RFC 5321.
const (
	MaxEmailBytes = 254
	maxLocalBytes = 64
)

// Atoms with single dots between them, then two labels or more (RFC 5322's dot-atom), the last of which begins with a letter, or an
// address of a machine would be one, too. Letters and digits of any script may stand in both parts (RFC 6531). Quoted local parts,
// comments and address literals are left out on purpose: nobody's invoice goes to "a b"@[127.0.0.1].
var emailShape = regexp.MustCompile(
	"^[\\pL\\pM\\pN!#$%&'*+/=?^_`{|}~-]+(\\.[\\pL\\pM\\pN!#$%&'*+/=?^_`{|}~-]+)*" +
		`@([\pL\pN]([\pL\pM\pN-]{0,61}[\pL\pM\pN])?\.)+\pL([\pL\pM\pN-]{0,61}[\pL\pM\pN])$`)

// checkEmail looks at the address's shape. Whether anybody reads mail there only a mail can tell.
func checkEmail(email string) *rule.FieldError {
	if fault := rule.Text("email", email, MaxEmailBytes); fault != nil {
		return fault
	}
	local, _, _ := strings.Cut(email, "@")
	switch {
	case !emailShape.MatchString(email) || strings.ContainsFunc(email, isIgnorable):
		return rule.At("email", ErrEmail)
	case len(email) > MaxEmailBytes:
		return rule.At("email", fmt.Errorf("%w (it has %d bytes, %d are allowed)", rule.ErrTooLong, len(email), MaxEmailBytes))
	case len(local) > maxLocalBytes:
		return rule.At("email", fmt.Errorf("%w (%d bytes before the @, %d are allowed)", rule.ErrTooLong, len(local), maxLocalBytes))
	}
	return nil
}

// isIgnorable tells of letters and marks that nobody sees: two addresses that look the same must be the same.
func isIgnorable(r rune) bool {
	return unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}
