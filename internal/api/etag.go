package api

import (
	"slices"
	"strconv"
	"strings"
)

// etag is the entity tag of an aggregate at a version, as in "3".
func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// condition is what a header field If-Match or If-None-Match says (RFC 9110, section 13.1).
type condition struct {
	given    bool
	any      bool     // *
	strong   []string // opaque tags, with their quotes
	weak     []string // likewise, of tags that began with W/
	versions []int64  // of the strong tags, those that are versions
}

// parseCondition reads a list of entity tags, or *. The second result is false for what is neither.
func parseCondition(text string) (c condition, ok bool) {
	text = strings.Trim(text, " \t")
	if text == "" {
		return condition{}, true
	}
	c.given = true
	if text == "*" {
		c.any = true
		return c, true
	}
	for text != "" {
		var tag string
		var weak bool
		if tag, weak, text, ok = cutTag(text); !ok {
			return condition{}, false
		}
		if weak {
			c.weak = append(c.weak, tag)
		} else {
			c.strong = append(c.strong, tag)
			if version, err := strconv.ParseInt(strings.Trim(tag, `"`), 10, 64); err == nil && version > 0 && etag(version) == tag {
				c.versions = append(c.versions, version)
			}
		}
		if text = strings.TrimLeft(text, ", \t"); text == "" {
			return c, true
		}
	}
	return c, true
}

// cutTag takes one entity tag off a list, which goes on with a comma or ends.
func cutTag(text string) (tag string, weak bool, rest string, ok bool) {
	text, weak = strings.CutPrefix(text, "W/")
	if !strings.HasPrefix(text, `"`) {
		return "", false, "", false
	}
	end := strings.IndexByte(text[1:], '"')
	if end < 0 {
		return "", false, "", false
	}
	tag, rest = text[:end+2], strings.TrimLeft(text[end+2:], " \t")
	for _, r := range []byte(tag[1 : end+1]) {
		if r < 0x21 || r == 0x7f {
			return "", false, "", false
		}
	}
	return tag, weak, rest, rest == "" || rest[0] == ','
}

// matchesWeakly tells whether the tag is listed, weak or not, as If-None-Match asks.
func (c condition) matchesWeakly(tag string) bool {
	return c.any || slices.Contains(c.strong, tag) || slices.Contains(c.weak, tag)
}
