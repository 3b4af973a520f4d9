// Package jsonb tells what PostgreSQL's jsonb makes of JSON text without asking it: whether it can hold the text, and how long it will be.
package jsonb

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// Unfit tells why a jsonb can't hold data, or "". It completes the sentence "data …". It is a little stricter than PostgreSQL: with numbers that
// begin with many zeros, and with what is nested deeper than encoding/json takes.
func Unfit(data []byte) string {
	switch {
	case !json.Valid(data):
		return "is not JSON"
	case !utf8.Valid(data):
		return "is not UTF-8"
	}
	reason := ""
	tokens(data, func(token []byte) {
		switch {
		case token[0] == '"' && !holdsString(token):
			reason = `has a string with \u0000 or half a surrogate pair, which jsonb cannot hold`
		case token[0] != '"' && !holdsNumber(token):
			reason = "has a number that is larger or finer than jsonb can hold"
		}
	})
	return reason
}

// StoredSize bounds what valid JSON will take as the text of a jsonb, in bytes: PostgreSQL puts a blank behind each comma and colon, and writes
// numbers with an exponent out, so that 1e9 becomes ten characters.
func StoredSize(data []byte) int {
	size := len(data) + separators(data)
	tokens(data, func(token []byte) {
		if token[0] == '"' {
			size -= separators(token)
			return
		}
		_, exponent := mantissa(token)
		size += max(exponent, -exponent)
	})
	return size
}

func separators(text []byte) int {
	return bytes.Count(text, []byte(",")) + bytes.Count(text, []byte(":"))
}

// tokens calls visit for each string, with its quotes, and each number of valid JSON.
func tokens(data []byte, visit func(token []byte)) {
	for i := 0; i < len(data); {
		end := i + 1
		switch c := data[i]; {
		case c == '"':
			for ; data[end] != '"'; end++ {
				if data[end] == '\\' {
					end++
				}
			}
			end++
			visit(data[i:end])
		case c == '-' || c >= '0' && c <= '9':
			for end < len(data) && bytes.IndexByte([]byte("+-.eE0123456789"), data[end]) >= 0 {
				end++
			}
			visit(data[i:end])
		}
		i = end
	}
}
