"""The texts of Tram in other languages: found in the sources, kept in `config/locale`."""
