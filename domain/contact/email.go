package contact

import (
	"regexp"
	"strings"

	"github.com/contrail-events/contrail/domain/rule"
)

// Sizes of an e-mail address, from RFC 5321.
const (
	MaxEmailBytes = 254
	maxLocalBytes = 64
)

// Atoms with single dots between them, then two labels or more (RFC 5322's dot-atom). Letters and digits of any script may
// stand in both parts (RFC 6531). Quoted local parts, comments and address literals are left out on purpose: nobody's invoice
// goes to "a b"@[127.0.0.1].
var emailShape = regexp.MustCompile(
	"^[\\pL\\pM\\pN!#$%&'*+/=?^_`{|}~-]+(\\.[\\pL\\pM\\pN!#$%&'*+/=?^_`{|}~-]+)*" +
		`@([\pL\pN]([\pL\pM\pN-]{0,61}[\pL\pM\pN])?\.)+[\pL\pN]([\pL\pM\pN-]{0,61}[\pL\pM\pN])$`)

// checkEmail looks at the address's shape. Whether anybody reads mail there only a mail can tell.
func checkEmail(email string) *rule.FieldError {
	if fault := rule.Text("email", email, MaxEmailBytes); fault != nil {
		return fault
	}
	local, _, _ := strings.Cut(email, "@")
	if len(email) > MaxEmailBytes || len(local) > maxLocalBytes || !emailShape.MatchString(email) {
		return rule.At("email", ErrEmail)
	}
	return nil
}
