"""The text of a postern.conf for a test."""


def value_text(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "{ " + ", ".join(value_text(item) for item in value) + " }"
    if isinstance(value, int):
        return str(value)
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def section_text(name, options):
    lines = [f"\t{key} = {value_text(value)}" for key, value in options.items()]
    return f"{name} {{\n" + "\n".join(lines) + "\n}"


def configuration_text(settings):
    """settings: option -> value; "section" -> dict; "listen" -> list of (title, dict)."""
    lines = []
    for key, value in settings.items():
        if key == "listen":
            lines += [section_text(f'listen "{title}"', options) for title, options in value]
        elif isinstance(value, dict):
            lines.append(section_text(key, value))
        else:
            lines.append(f"{key} = {value_text(value)}")
    return "\n".join(lines) + "\n"


def merged(base, changes):
    """base with changes; sections are merged, None takes an option out."""
    result = dict(base)
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result
