package doctor

import (
	"context"
	"strings"
)

// permissions are what a user of the broker may do, as the server tells the user itself.
type permissions struct {
	User    string
	Account string
	Known   bool // the user is bounded
	Publish subjectRules
	Receive subjectRules
}

// subjectRules are a user's for one direction. Without any that allow, all is allowed that is not denied.
type subjectRules struct {
	Allow []string `json:"allow"`
	Deny  []string `json:"deny"`
}

// userInfoSubject answers a user about itself alone.
const userInfoSubject = "$SYS.REQ.USER.INFO"

func (d *Doctor) permissions(ctx context.Context) (permissions, error) {
	var response struct {
		Data struct {
			User        string `json:"user"`
			Account     string `json:"account"`
			Permissions *struct {
				Publish   *subjectRules `json:"publish"`
				Subscribe *subjectRules `json:"subscribe"`
			} `json:"permissions"`
		} `json:"data"`
	}
	if err := d.request(ctx, userInfoSubject, nil, &response); err != nil {
		return permissions{}, err
	}
	told := permissions{User: response.Data.User, Account: response.Data.Account}
	if told.User == "" {
		told.User = "without a name"
	}
	if bounds := response.Data.Permissions; bounds != nil {
		told.Known = bounds.Publish != nil || bounds.Subscribe != nil
		if bounds.Publish != nil {
			told.Publish = *bounds.Publish
		}
		if bounds.Subscribe != nil {
			told.Receive = *bounds.Subscribe
		}
	}
	return told, nil
}

// allows tells whether every subject that a pattern stands for is allowed. A rule may name a queue behind its subject.
func (r subjectRules) allows(pattern string) bool {
	allowed := len(r.Allow) == 0
	for _, rule := range r.Allow {
		allowed = allowed || covers(subjectOf(rule), pattern)
	}
	for _, rule := range r.Deny {
		allowed = allowed && !overlaps(subjectOf(rule), pattern)
	}
	return allowed
}

func subjectOf(rule string) string {
	subject, _, _ := strings.Cut(strings.TrimSpace(rule), " ")
	return subject
}

// covers tells whether every subject that narrow stands for is one that wide stands for, too.
func covers(wide, narrow string) bool {
	tokens, others := strings.Split(wide, "."), strings.Split(narrow, ".")
	for i, token := range tokens {
		switch {
		case token == ">":
			return i < len(others)
		case i >= len(others) || others[i] == ">", token != "*" && token != others[i]:
			return false
		}
	}
	return len(tokens) == len(others)
}

// overlaps tells whether there is a subject that both stand for.
func overlaps(a, b string) bool {
	left, right := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(left), len(right)) {
		switch {
		case left[i] == ">" || right[i] == ">":
			return true
		case left[i] != "*" && right[i] != "*" && left[i] != right[i]:
			return false
		}
	}
	return len(left) == len(right)
}
