package sqltext

import (
	"strings"
	"unicode/utf8"
)

// IsText tells whether PostgreSQL takes s as a text: it is UTF-8, without a NUL.
func IsText(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }
