package dashboard

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// unknown stands where a figure is not known.
const unknown = "unknown"

// settled is what a pointer points to, or the value itself; false if it is nil.
func settled(value any) (reflect.Value, bool) {
	v := reflect.ValueOf(value)
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return v, false
		}
		v = v.Elem()
	}
	return v, v.IsValid()
}

// number writes 1,234,567 or 12.5; of what is not known it says so. What has a text of its own keeps it.
func number(value any) string {
	v, known := settled(value)
	if !known {
		return unknown
	}
	if v.CanInterface() {
		if told, is := reflect.TypeAssert[fmt.Stringer](v); is {
			return told.String()
		}
	}
	switch {
	case v.CanInt():
		return grouped(strconv.FormatInt(v.Int(), 10))
	case v.CanUint():
		return grouped(strconv.FormatUint(v.Uint(), 10))
	case v.CanFloat():
		return float(v.Float())
	}
	return fmt.Sprint(v)
}

// float has three digits or all before the point, whichever is more.
func float(f float64) string {
	const hundred, ten = 100, 10
	switch size := math.Abs(f); {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return unknown
	case f == math.Trunc(f) || size >= hundred:
		return grouped(strconv.FormatFloat(f, 'f', 0, 64))
	case size >= ten:
		return shortened(strconv.FormatFloat(f, 'f', 1, 64))
	case size < 0.01:
		return strconv.FormatFloat(f, 'g', 2, 64)
	}
	return shortened(strconv.FormatFloat(f, 'f', 2, 64))
}

// shortened leaves out zeros at the end of a decimal fraction.
func shortened(digits string) string { return strings.TrimSuffix(strings.TrimRight(digits, "0"), ".") }

// grouped sets a comma before every third digit.
func grouped(digits string) string {
	const group = 3
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - group; i > 0; i -= group {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// percent writes a fraction, as in 12.5 %.
func percent(value any) string {
	v, known := settled(value)
	if !known || !v.CanFloat() {
		return unknown
	}
	return float(math.Round(v.Float()*1000)/10) + " %"
}

// bytesOf writes a size, as in 1.5 MiB.
func bytesOf(value any) string {
	v, known := settled(value)
	size := 0.0
	switch {
	case !known:
		return unknown
	case v.CanInt():
		size = float64(v.Int())
	case v.CanUint():
		size = float64(v.Uint())
	case v.CanFloat():
		size = v.Float()
	}
	const step = 1024
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	unit := 0
	for size >= step && unit < len(units)-1 {
		size, unit = size/step, unit+1
	}
	if unit == 0 {
		return float(size) + " B"
	}
	return strconv.FormatFloat(size, 'f', 1, 64) + " " + units[unit]
}

// seconds writes a duration, given as such or as a number of seconds, as in 350 ms, 1.2 s, 4 min 5 s, 3 h 20 min or 2 d 4 h.
func seconds(value any) string {
	v, known := settled(value)
	if !known {
		return unknown
	}
	if d, is := reflect.TypeAssert[time.Duration](v); is {
		return span(d.Seconds())
	}
	switch {
	case v.CanFloat():
		return span(v.Float())
	case v.CanInt():
		return span(float64(v.Int()))
	}
	return unknown
}

func span(s float64) string {
	const minute, hour, day = 60.0, 3600.0, 86400.0
	size := math.Abs(s)
	switch {
	case math.IsNaN(s) || math.IsInf(s, 0):
		return unknown
	case s == 0:
		return "0 s"
	case size < 1e-3:
		return float(math.Round(s*1e6)) + " µs"
	case size < 1:
		return float(math.Round(s*1e4)/10) + " ms"
	case size < minute:
		return strconv.FormatFloat(math.Round(s*10)/10, 'f', -1, 64) + " s"
	case size < hour:
		return twoParts(s, minute, "min", 1, "s")
	case size < day:
		return twoParts(s, hour, "h", minute, "min")
	}
	return twoParts(s, day, "d", hour, "h")
}

func twoParts(s, large float64, largeName string, small float64, smallName string) string {
	whole := math.Trunc(s / large)
	rest := math.Trunc(math.Abs(s-whole*large) / small)
	text := grouped(strconv.FormatFloat(whole, 'f', 0, 64)) + " " + largeName
	if rest == 0 {
		return text
	}
	return text + " " + strconv.FormatFloat(rest, 'f', 0, 64) + " " + smallName
}
