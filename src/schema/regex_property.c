/* regex_property.c: the Unicode properties that ECMA-262 names, as PCRE2 calls them. ECMA-262 takes a name only as it is
 * written in PropertyAliases.txt and PropertyValueAliases.txt; PCRE2 would take it in any spelling. */
#include "schema/regex_translate.h"

#include <string.h>

struct alias {
    const char *name; /* the long one */
    const char *code; /* the short one, which is a name, too */
};

static const struct alias categories[] = {
    {"Letter", "L"},
    {"Cased_Letter", "LC"},
    {"Uppercase_Letter", "Lu"},
    {"Lowercase_Letter", "Ll"},
    {"Titlecase_Letter", "Lt"},
    {"Modifier_Letter", "Lm"},
    {"Other_Letter", "Lo"},
    {"Mark", "M"},
    {"Combining_Mark", "M"},
    {"Nonspacing_Mark", "Mn"},
    {"Spacing_Mark", "Mc"},
    {"Enclosing_Mark", "Me"},
    {"Number", "N"},
    {"Decimal_Number", "Nd"},
    {"digit", "Nd"},
    {"Letter_Number", "Nl"},
    {"Other_Number", "No"},
    {"Punctuation", "P"},
    {"punct", "P"},
    {"Connector_Punctuation", "Pc"},
    {"Dash_Punctuation", "Pd"},
    {"Open_Punctuation", "Ps"},
    {"Close_Punctuation", "Pe"},
    {"Initial_Punctuation", "Pi"},
    {"Final_Punctuation", "Pf"},
    {"Other_Punctuation", "Po"},
    {"Symbol", "S"},
    {"Math_Symbol", "Sm"},
    {"Currency_Symbol", "Sc"},
    {"Modifier_Symbol", "Sk"},
    {"Other_Symbol", "So"},
    {"Separator", "Z"},
    {"Space_Separator", "Zs"},
    {"Line_Separator", "Zl"},
    {"Paragraph_Separator", "Zp"},
    {"Other", "C"},
    {"Control", "Cc"},
    {"cntrl", "Cc"},
    {"Format", "Cf"},
    {"Surrogate", "Cs"},
    {"Private_Use", "Co"},
    {"Unassigned", "Cn"},
};

static const struct alias binaries[] = {
    {"ASCII", "ASCII"},
    {"ASCII_Hex_Digit", "AHex"},
    {"Alphabetic", "Alpha"},
    {"Any", "Any"},
    {"Bidi_Control", "Bidi_C"},
    {"Bidi_Mirrored", "Bidi_M"},
    {"Case_Ignorable", "CI"},
    {"Cased", "Cased"},
    {"Changes_When_Casefolded", "CWCF"},
    {"Changes_When_Casemapped", "CWCM"},
    {"Changes_When_Lowercased", "CWL"},
    {"Changes_When_Titlecased", "CWT"},
    {"Changes_When_Uppercased", "CWU"},
    {"Dash", "Dash"},
    {"Default_Ignorable_Code_Point", "DI"},
    {"Deprecated", "Dep"},
    {"Diacritic", "Dia"},
    {"Emoji", "Emoji"},
    {"Emoji_Component", "EComp"},
    {"Emoji_Modifier", "EMod"},
    {"Emoji_Modifier_Base", "EBase"},
    {"Emoji_Presentation", "EPres"},
    {"Extended_Pictographic", "ExtPict"},
    {"Extender", "Ext"},
    {"Grapheme_Base", "Gr_Base"},
    {"Grapheme_Extend", "Gr_Ext"},
    {"Hex_Digit", "Hex"},
    {"IDS_Binary_Operator", "IDSB"},
    {"IDS_Trinary_Operator", "IDST"},
    {"ID_Continue", "IDC"},
    {"ID_Start", "IDS"},
    {"Ideographic", "Ideo"},
    {"Join_Control", "Join_C"},
    {"Logical_Order_Exception", "LOE"},
    {"Lowercase", "Lower"},
    {"Math", "Math"},
    {"Noncharacter_Code_Point", "NChar"},
    {"Pattern_Syntax", "Pat_Syn"},
    {"Pattern_White_Space", "Pat_WS"},
    {"Quotation_Mark", "QMark"},
    {"Radical", "Radical"},
    {"Regional_Indicator", "RI"},
    {"Sentence_Terminal", "STerm"},
    {"Soft_Dotted", "SD"},
    {"Terminal_Punctuation", "Term"},
    {"Unified_Ideograph", "UIdeo"},
    {"Uppercase", "Upper"},
    {"Variation_Selector", "VS"},
    {"White_Space", "space"},
    {"XID_Continue", "XIDC"},
    {"XID_Start", "XIDS"},
};

/* Of Unicode 14, which is what PCRE2 10.42 has. */
static const struct alias scripts[] = {
    {"Adlam", "Adlm"},
    {"Ahom", "Ahom"},
    {"Anatolian_Hieroglyphs", "Hluw"},
    {"Arabic", "Arab"},
    {"Armenian", "Armn"},
    {"Avestan", "Avst"},
    {"Balinese", "Bali"},
    {"Bamum", "Bamu"},
    {"Bassa_Vah", "Bass"},
    {"Batak", "Batk"},
    {"Bengali", "Beng"},
    {"Bhaiksuki", "Bhks"},
    {"Bopomofo", "Bopo"},
    {"Brahmi", "Brah"},
    {"Braille", "Brai"},
    {"Buginese", "Bugi"},
    {"Buhid", "Buhd"},
    {"Canadian_Aboriginal", "Cans"},
    {"Carian", "Cari"},
    {"Caucasian_Albanian", "Aghb"},
    {"Chakma", "Cakm"},
    {"Cham", "Cham"},
    {"Cherokee", "Cher"},
    {"Chorasmian", "Chrs"},
    {"Common", "Zyyy"},
    {"Coptic", "Copt"},
    {"Cuneiform", "Xsux"},
    {"Cypriot", "Cprt"},
    {"Cypro_Minoan", "Cpmn"},
    {"Cyrillic", "Cyrl"},
    {"Deseret", "Dsrt"},
    {"Devanagari", "Deva"},
    {"Dives_Akuru", "Diak"},
    {"Dogra", "Dogr"},
    {"Duployan", "Dupl"},
    {"Egyptian_Hieroglyphs", "Egyp"},
    {"Elbasan", "Elba"},
    {"Elymaic", "Elym"},
    {"Ethiopic", "Ethi"},
    {"Georgian", "Geor"},
    {"Glagolitic", "Glag"},
    {"Gothic", "Goth"},
    {"Grantha", "Gran"},
    {"Greek", "Grek"},
    {"Gujarati", "Gujr"},
    {"Gunjala_Gondi", "Gong"},
    {"Gurmukhi", "Guru"},
    {"Han", "Hani"},
    {"Hangul", "Hang"},
    {"Hanifi_Rohingya", "Rohg"},
    {"Hanunoo", "Hano"},
    {"Hatran", "Hatr"},
    {"Hebrew", "Hebr"},
    {"Hiragana", "Hira"},
    {"Imperial_Aramaic", "Armi"},
    {"Inherited", "Zinh"},
    {"Inscriptional_Pahlavi", "Phli"},
    {"Inscriptional_Parthian", "Prti"},
    {"Javanese", "Java"},
    {"Kaithi", "Kthi"},
    {"Kannada", "Knda"},
    {"Katakana", "Kana"},
    {"Kayah_Li", "Kali"},
    {"Kharoshthi", "Khar"},
    {"Khitan_Small_Script", "Kits"},
    {"Khmer", "Khmr"},
    {"Khojki", "Khoj"},
    {"Khudawadi", "Sind"},
    {"Lao", "Laoo"},
    {"Latin", "Latn"},
    {"Lepcha", "Lepc"},
    {"Limbu", "Limb"},
    {"Linear_A", "Lina"},
    {"Linear_B", "Linb"},
    {"Lisu", "Lisu"},
    {"Lycian", "Lyci"},
    {"Lydian", "Lydi"},
    {"Mahajani", "Mahj"},
    {"Makasar", "Maka"},
    {"Malayalam", "Mlym"},
    {"Mandaic", "Mand"},
    {"Manichaean", "Mani"},
    {"Marchen", "Marc"},
    {"Masaram_Gondi", "Gonm"},
    {"Medefaidrin", "Medf"},
    {"Meetei_Mayek", "Mtei"},
    {"Mende_Kikakui", "Mend"},
    {"Meroitic_Cursive", "Merc"},
    {"Meroitic_Hieroglyphs", "Mero"},
    {"Miao", "Plrd"},
    {"Modi", "Modi"},
    {"Mongolian", "Mong"},
    {"Mro", "Mroo"},
    {"Multani", "Mult"},
    {"Myanmar", "Mymr"},
    {"Nabataean", "Nbat"},
    {"Nandinagari", "Nand"},
    {"New_Tai_Lue", "Talu"},
    {"Newa", "Newa"},
    {"Nko", "Nkoo"},
    {"Nushu", "Nshu"},
    {"Nyiakeng_Puachue_Hmong", "Hmnp"},
    {"Ogham", "Ogam"},
    {"Ol_Chiki", "Olck"},
    {"Old_Hungarian", "Hung"},
    {"Old_Italic", "Ital"},
    {"Old_North_Arabian", "Narb"},
    {"Old_Permic", "Perm"},
    {"Old_Persian", "Xpeo"},
    {"Old_Sogdian", "Sogo"},
    {"Old_South_Arabian", "Sarb"},
    {"Old_Turkic", "Orkh"},
    {"Old_Uyghur", "Ougr"},
    {"Oriya", "Orya"},
    {"Osage", "Osge"},
    {"Osmanya", "Osma"},
    {"Pahawh_Hmong", "Hmng"},
    {"Palmyrene", "Palm"},
    {"Pau_Cin_Hau", "Pauc"},
    {"Phags_Pa", "Phag"},
    {"Phoenician", "Phnx"},
    {"Psalter_Pahlavi", "Phlp"},
    {"Qaac", "Copt"},
    {"Qaai", "Zinh"},
    {"Rejang", "Rjng"},
    {"Runic", "Runr"},
    {"Samaritan", "Samr"},
    {"Saurashtra", "Saur"},
    {"Sharada", "Shrd"},
    {"Shavian", "Shaw"},
    {"Siddham", "Sidd"},
    {"SignWriting", "Sgnw"},
    {"Sinhala", "Sinh"},
    {"Sogdian", "Sogd"},
    {"Sora_Sompeng", "Sora"},
    {"Soyombo", "Soyo"},
    {"Sundanese", "Sund"},
    {"Syloti_Nagri", "Sylo"},
    {"Syriac", "Syrc"},
    {"Tagalog", "Tglg"},
    {"Tagbanwa", "Tagb"},
    {"Tai_Le", "Tale"},
    {"Tai_Tham", "Lana"},
    {"Tai_Viet", "Tavt"},
    {"Takri", "Takr"},
    {"Tamil", "Taml"},
    {"Tangsa", "Tnsa"},
    {"Tangut", "Tang"},
    {"Telugu", "Telu"},
    {"Thaana", "Thaa"},
    {"Thai", "Thai"},
    {"Tibetan", "Tibt"},
    {"Tifinagh", "Tfng"},
    {"Tirhuta", "Tirh"},
    {"Toto", "Toto"},
    {"Ugaritic", "Ugar"},
    {"Unknown", "Zzzz"},
    {"Vai", "Vaii"},
    {"Vithkuqi", "Vith"},
    {"Wancho", "Wcho"},
    {"Warang_Citi", "Wara"},
    {"Yezidi", "Yezi"},
    {"Yi", "Yiii"},
    {"Zanabazar_Square", "Zanb"},
};

#define COUNT(list) (sizeof(list) / sizeof *(list))

static bool is(const char *text, size_t size_bytes, const char *word)
{
    return strlen(word) == size_bytes && memcmp(text, word, size_bytes) == 0;
}

static const char *find(const struct alias *list, size_t count, const char *text, size_t size_bytes)
{
    for (size_t i = 0; i < count; i++)
        if (is(text, size_bytes, list[i].name) || is(text, size_bytes, list[i].code)) return list[i].code;
    return NULL;
}

static bool starts(const char **text, size_t *size_bytes, const char *word)
{
    size_t length = strlen(word);
    if (*size_bytes < length || memcmp(*text, word, length) != 0) return false;
    *text += length;
    *size_bytes -= length;
    return true;
}

static struct regex_property found(const char *prefix, const char *code)
{
    return (struct regex_property){.error = code ? WEFT_OK : WEFT_EINVAL, .prefix = prefix, .code = code};
}

struct regex_property weft__regex_property(const char *text, size_t size_bytes)
{
    if (starts(&text, &size_bytes, "General_Category=") || starts(&text, &size_bytes, "gc="))
        return found("", find(categories, COUNT(categories), text, size_bytes));
    if (starts(&text, &size_bytes, "Script=") || starts(&text, &size_bytes, "sc="))
        return found("sc:", find(scripts, COUNT(scripts), text, size_bytes));
    if (starts(&text, &size_bytes, "Script_Extensions=") || starts(&text, &size_bytes, "scx="))
        return found("scx:", find(scripts, COUNT(scripts), text, size_bytes));

    if (is(text, size_bytes, "Assigned"))
        return (struct regex_property){.error = WEFT_OK, .prefix = "", .code = "Cn", .inverted = true};
    if (is(text, size_bytes, "Changes_When_NFKC_Casefolded") || is(text, size_bytes, "CWKCF"))
        return (struct regex_property){.error = WEFT_EUNSUPPORTED};

    const char *code = find(categories, COUNT(categories), text, size_bytes);
    return found("", code ? code : find(binaries, COUNT(binaries), text, size_bytes));
}
