package jsonb

import (
	"bytes"
	"strconv"
)

// What PostgreSQL's numeric, and so a number in a jsonb, holds.
const (
	maxIntegerDigits  = 131072
	maxFractionDigits = 16383
)

// maxExponent is beyond all that a number can have, and small enough to be added up.
const maxExponent = 1 << 20

func holdsNumber(token []byte) bool {
	digits, exponent := mantissa(token)
	whole, fraction, _ := bytes.Cut(digits, []byte("."))
	return len(whole)+exponent <= maxIntegerDigits && len(fraction)-exponent <= maxFractionDigits
}

// mantissa splits a number, its sign left out, at its exponent, which is at most maxExponent.
func mantissa(token []byte) (digits []byte, exponent int) {
	token = bytes.TrimPrefix(token, []byte("-"))
	at := bytes.IndexAny(token, "eE")
	if at < 0 {
		return token, 0
	}
	exponent, _ = strconv.Atoi(string(token[at+1:])) // of one that is out of range, the nearest that is not
	return token[:at], min(max(exponent, -maxExponent), maxExponent)
}
