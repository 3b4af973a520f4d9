package main

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// settingOf is what a file says of a flag, or why that can't be.
func settingOf(flag *kong.Flag, value *yaml.Node) (found setting, fault string) {
	found.line = value.Line
	switch {
	case value.Kind == yaml.ScalarNode && value.Tag != "!!null":
		found.text, found.value = value.Value, value.Value
	case value.Kind == yaml.SequenceNode && flag.IsSlice():
		var all []any
		for _, one := range value.Content {
			if resolved(one).Kind != yaml.ScalarNode {
				return found, "a list may hold values only"
			}
			all = append(all, resolved(one).Value)
		}
		found = joined(flag, all, value.Line)
	case value.Kind == yaml.SequenceNode:
		return found, "it takes one value, and no list"
	default:
		return found, "there is no value; give one, or leave the line out"
	}
	target := reflect.New(flag.Target.Type()).Elem()
	if err := flag.Parse(kong.Scan().PushTyped(found.value, kong.FlagValueToken), target); err != nil {
		return found, strings.TrimPrefix(err.Error(), "--"+flag.Name+": ")
	}
	return found, outsideEnum(flag, target)
}

// joined is a list as one text, as on the command line.
func joined(flag *kong.Flag, all []any, line int) setting {
	var texts []string
	for _, one := range all {
		texts = append(texts, fmt.Sprint(one))
	}
	if flag.Tag.Sep == -1 {
		return setting{value: all, text: strings.Join(texts, " "), line: line}
	}
	separator := string(flag.Tag.Sep)
	for n := range texts {
		texts[n] = strings.ReplaceAll(texts[n], separator, `\`+separator)
	}
	text := strings.Join(texts, separator)
	return setting{value: text, text: text, line: line}
}

// outsideEnum says so if a value is none of those that there are.
func outsideEnum(flag *kong.Flag, target reflect.Value) string {
	if flag.Enum == "" {
		return ""
	}
	given := []string{fmt.Sprint(target.Interface())}
	if flag.IsSlice() {
		given = given[:0]
		for n := range target.Len() {
			given = append(given, fmt.Sprint(target.Index(n).Interface()))
		}
	}
	for _, one := range given {
		if !slices.Contains(flag.EnumSlice(), one) {
			return fmt.Sprintf("it must be one of %s, but is %q", strings.Join(flag.EnumSlice(), ", "), one)
		}
	}
	return ""
}

// isSecret is whether a value must not be told: a URL with a password or a token in it, a key, or what is called a secret.
func isSecret(name, value string) bool { return masked(name, value) != value }

// masked is a value without what is secret in it.
func masked(name, value string) string {
	switch {
	case value == "" || strings.HasSuffix(name, "-file"):
		return value
	case strings.Contains(name, "password") || strings.Contains(name, "secret") || strings.HasSuffix(name, "token"):
		return "…"
	case name == "keys" && !strings.HasPrefix(value, "@"):
		return "…"
	}
	if name == "nats-url" { // servers, whose scheme may be left out
		value = regexp.MustCompile(`(^|,\s*|://)([^/@\s:,]*):[^/\s,]*@`).ReplaceAllString(value, "${1}${2}:…@")
		return regexp.MustCompile(`(^|,\s*|://)[^/\s:,]*@`).ReplaceAllString(value, "${1}…@")
	}
	withPassword := regexp.MustCompile(`://([^/@\s:]*):[^/\s]*@|((?:nats|tls|wss?)://)[^/\s:]*@`)
	value = withPassword.ReplaceAllStringFunc(value, func(found string) string {
		if user, _, given := strings.Cut(strings.TrimPrefix(found, "://"), ":"); given && strings.HasPrefix(found, "://") {
			return "://" + user + ":…@"
		}
		scheme, _, _ := strings.Cut(found, "://")
		return scheme + "://…@"
	})
	return passwords.ReplaceAllString(value, "${1}…")
}
