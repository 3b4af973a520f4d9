package eventstore

import "strconv"

// storedSize bounds what data will take as the text of a jsonb, which is what is published: PostgreSQL puts a blank behind each comma and
// colon, and writes numbers with an exponent out, so that 1e9 becomes ten characters.
func storedSize(data []byte) int {
	size := len(data)
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			i = endOfString(data, i)
		case ',', ':':
			size++
		case 'e', 'E':
			size += exponent(data[i+1:])
		}
	}
	return size
}

// endOfString returns the place of the quote that closes the string which begins at i.
func endOfString(data []byte, i int) int {
	for i++; i < len(data) && data[i] != '"'; i++ {
		if data[i] == '\\' {
			i++
		}
	}
	return i
}

// exponent reads the size of a number's exponent. The e of true and false has none.
func exponent(rest []byte) int {
	n := 0
	for n < len(rest) && (rest[n] >= '0' && rest[n] <= '9' || n == 0 && (rest[n] == '+' || rest[n] == '-')) {
		n++
	}
	digits, err := strconv.Atoi(string(rest[:n]))
	if err != nil {
		return 0
	}
	return max(digits, -digits)
}
