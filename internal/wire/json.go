package wire

// deepest is how many objects and arrays within each other [isJSON] looks into.
const deepest = 100

// isJSON tells whether text is one JSON value with no space around it, several times faster than [json.Valid]. True is certain; false may
// only mean that values are nested deeper than anybody writes.
func isJSON(text []byte) bool {
	c := checker{text: text}
	c.value(deepest)
	return !c.wrong && c.at == len(text)
}

// checker walks over JSON as long as it is right. Once it is wrong, it stands at the end.
type checker struct {
	text  []byte
	at    int
	wrong bool
}

// next is the byte ahead, or 0 at the end, which JSON has nowhere.
func (c *checker) next() byte {
	if c.at < len(c.text) {
		return c.text[c.at]
	}
	return 0
}

func (c *checker) fail() { c.wrong, c.at = true, len(c.text) }

func (c *checker) value(depth int) {
	switch c.next() {
	case '"':
		c.quoted()
	case '{', '[':
		c.composite(depth)
	case 't':
		c.literal("true")
	case 'f':
		c.literal("false")
	case 'n':
		c.literal("null")
	default:
		c.number()
	}
}

// composite passes an object or an array.
func (c *checker) composite(depth int) {
	if depth == 0 {
		c.fail()
		return
	}
	object := c.next() == '{'
	closing := c.next() + 2 // in ASCII, '}' as well as ']'
	c.at++
	c.space()
	if c.next() == closing {
		c.at++
		return
	}
	for !c.wrong {
		if object {
			c.name()
		}
		c.value(depth - 1)
		c.space()
		switch c.next() {
		case closing:
			c.at++
			return
		case ',':
			c.at++
			c.space()
		default:
			c.fail()
		}
	}
}

// name passes the name of a member and what stands between it and the value.
func (c *checker) name() {
	if c.next() != '"' {
		c.fail()
		return
	}
	c.quoted()
	c.space()
	c.literal(":")
	c.space()
}

func (c *checker) space() {
	for {
		switch c.next() {
		case ' ', '\t', '\r', '\n':
			c.at++
		default:
			return
		}
	}
}

func (c *checker) literal(text string) {
	if len(c.text)-c.at < len(text) || string(c.text[c.at:c.at+len(text)]) != text {
		c.fail()
		return
	}
	c.at += len(text)
}

// quoted passes a string. Like encoding/json it does not mind bytes that are not UTF-8.
func (c *checker) quoted() {
	text := c.text
	for i := c.at + 1; i < len(text); i++ {
		switch b := text[i]; {
		case b == '"':
			c.at = i + 1
			return
		case b == '\\':
			c.at = i + 1
			c.escaped()
			i = c.at - 1
		case b < ' ':
			c.fail()
			return
		}
	}
	c.fail()
}

// escaped passes what stands behind a backslash.
func (c *checker) escaped() {
	switch c.next() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		c.at++
	case 'u':
		c.at++
		for range 4 {
			c.hex()
		}
	default:
		c.fail()
	}
}

func (c *checker) hex() {
	switch b := c.next(); {
	case b >= '0' && b <= '9', b >= 'a' && b <= 'f', b >= 'A' && b <= 'F':
		c.at++
	default:
		c.fail()
	}
}

func (c *checker) number() {
	if c.next() == '-' {
		c.at++
	}
	if c.next() == '0' {
		c.at++
	} else {
		c.digits()
	}
	if c.next() == '.' {
		c.at++
		c.digits()
	}
	if b := c.next(); b == 'e' || b == 'E' {
		c.at++
		if sign := c.next(); sign == '+' || sign == '-' {
			c.at++
		}
		c.digits()
	}
}

// digits passes one or more.
func (c *checker) digits() {
	begin := c.at
	for c.next() >= '0' && c.next() <= '9' {
		c.at++
	}
	if c.at == begin {
		c.fail()
	}
}
