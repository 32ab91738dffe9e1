"""Values between commas, as `--set name=value,value` and configuration files have them."""

from __future__ import annotations


def split_values(text: str) -> tuple[str, ...]:
    """The values between commas; a comma in quotes or in brackets belongs to its value: 'a,"b, c",[1,2]' are three."""
    values, depth, quote = [""], 0, ""
    for character in text:
        if quote or character in "\"'":
            opens = not quote and not values[-1].strip() and text.count(character) > 1
            if character == quote:
                quote = ""
                continue
            if opens:
                quote, values[-1] = character, ""
                continue
        elif character in "[(":
            depth += 1
        elif character in "])":
            depth = max(0, depth - 1)
        if character == "," and not quote and not depth:
            values.append("")
        else:
            values[-1] += character
    return tuple(value.strip() for value in values)


def quote_value(value: str) -> str:
    """The text that `split_values` reads as this one value."""
    mark = "'" if '"' in value else '"'
    return f"{mark}{value}{mark}" if any(character in value for character in ",'\"[]()") else value
